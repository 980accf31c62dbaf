//! Processor time of a guest: what its thread used while it was being polled, host calls included. When the limit is
//! passed the future ends, and dropping it ends the guest. The engine yields at every epoch tick, so a poll is short.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::failure::LimitHit;
use crate::capabilities::CpuMeter;

pub struct Metered<F> {
    future: Pin<Box<F>>,
    meter: Arc<CpuMeter>,
    limit: Duration,
    key: &'static str,
}

impl<F: Future> Metered<F> {
    pub fn new(future: F, meter: Arc<CpuMeter>, limit: Duration, key: &'static str) -> Self {
        Metered { future: Box::pin(future), meter, limit, key }
    }
}

impl<F: Future> Future for Metered<F> {
    type Output = Result<F::Output, LimitHit>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let meter = Arc::clone(&self.meter);
        match meter.measure(|| self.future.as_mut().poll(context)) {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending if meter.used() > self.limit => {
                Poll::Ready(Err(LimitHit::Cpu { used: meter.used(), limit: self.limit, key: self.key }))
            }
            Poll::Pending => Poll::Pending,
        }
    }
}
