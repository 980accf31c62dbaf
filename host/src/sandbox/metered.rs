//! Processor time of a guest: what its thread used while it was being polled, host calls included. When the limit is
//! passed the future ends, and dropping it ends the guest. The engine yields at every epoch tick, so a poll is short.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use super::failure::LimitHit;

/// Time used so far, readable while the guest runs.
#[derive(Debug, Default)]
pub struct CpuMeter {
    nanoseconds: AtomicU64,
}

impl CpuMeter {
    pub fn used(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Ordering::Relaxed))
    }
}

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
        let before = thread_time();
        let polled = self.future.as_mut().poll(context);
        let spent = thread_time().saturating_sub(before);
        let spent = u64::try_from(spent.as_nanos()).unwrap_or(u64::MAX);
        self.meter.nanoseconds.fetch_add(spent, Ordering::Relaxed);
        match polled {
            Poll::Ready(output) => Poll::Ready(Ok(output)),
            Poll::Pending => {
                let used = self.meter.used();
                if used > self.limit {
                    return Poll::Ready(Err(LimitHit::Cpu { used, limit: self.limit, key: self.key }));
                }
                Poll::Pending
            }
        }
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or(0))
}
