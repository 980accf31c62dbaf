//! Measures a guest's processor time: what its thread used while it was polled, including host calls. When the limit
//! is exceeded, the future completes, and dropping it ends the guest. The engine yields at every epoch tick, so each
//! poll is short.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::cpu::CpuMeter;

/// Returns the future's result, or the processor time used once it exceeds the limit.
pub struct Metered<F> {
    future: Pin<Box<F>>,
    meter: Arc<CpuMeter>,
    limit: Duration,
}

impl<F: Future> Metered<F> {
    pub fn new(future: F, meter: Arc<CpuMeter>, limit: Duration) -> Self {
        Metered { future: Box::pin(future), meter, limit }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = Result<F::Output, Duration>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let meter = Arc::clone(&self.meter);
        match meter.measure(|| self.future.as_mut().poll(context)) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if meter.used() > self.limit => Poll::Ready(Err(meter.used())),
            Poll::Pending => Poll::Pending,
        }
    }
}
