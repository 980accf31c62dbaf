//! The state of the first load of the plugin folder. Requests are answered in the meantime; those that depend on the
//! folder's content wait here for a limited time.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Begun,
    /// The shipped plugins and those that the configuration names have been loaded or have failed.
    StandingLoaded,
    /// All files of the folder have been processed.
    Over,
}

pub(super) struct FirstLoad {
    stage: watch::Sender<Stage>,
    stop: CancellationToken,
}

impl FirstLoad {
    /// All waits end once `stop` is cancelled.
    pub fn new(stop: CancellationToken) -> Self {
        FirstLoad { stage: watch::Sender::new(Stage::Begun), stop }
    }

    /// Reports a publication and the stage it reached, if any. Later loads have no effect.
    pub fn published(&self, reached: Option<Stage>) {
        self.stage.send_modify(|stage| *stage = reached.map_or(*stage, |reached| reached.max(*stage)));
    }

    /// Waits until `enough` is true, checked again after each publication. Returns false on timeout.
    pub async fn wait(&self, patience: Duration, enough: impl Fn(Stage) -> bool) -> bool {
        if enough(*self.stage.borrow()) {
            return true;
        }
        let mut stage = self.stage.subscribe();
        let waited = tokio::time::timeout(patience, stage.wait_for(|stage| enough(*stage)));
        tokio::select! {
            () = self.stop.cancelled() => false,
            waited = waited => waited.is_ok_and(|reached| reached.is_ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: Duration = Duration::from_secs(3600);

    #[tokio::test]
    async fn waiters_check_again_after_each_publication_until_a_timeout() {
        let load = FirstLoad::new(CancellationToken::new());
        assert!(!load.wait(Duration::ZERO, |stage| stage == Stage::Over).await);
        let (found, _) = tokio::join!(load.wait(LONG, |stage| stage >= Stage::StandingLoaded), async {
            load.published(None);
            load.published(Some(Stage::Over));
            load.published(Some(Stage::StandingLoaded));
        });
        assert!(found && load.wait(Duration::ZERO, |stage| stage == Stage::Over).await, "it does not go back");
    }

    #[tokio::test]
    async fn waits_end_when_the_host_stops() {
        let stop = CancellationToken::new();
        let load = FirstLoad::new(stop.clone());
        stop.cancel();
        assert!(!load.wait(LONG, |stage| stage == Stage::Over).await);
    }
}
