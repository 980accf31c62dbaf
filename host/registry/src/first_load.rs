//! The state of the first load of the plugin folder. Requests are answered meanwhile; those that depend on the
//! folder's content wait here for a while.

use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    Begun,
    /// The plugins that come with the host and those that the configuration knows are loaded, as far as they can be.
    StandingLoaded,
    /// All of the folder has been looked at.
    Over,
}

pub(super) struct FirstLoad {
    stage: watch::Sender<Stage>,
    stop: CancellationToken,
}

impl FirstLoad {
    /// Nobody waits any more once `stop` is cancelled.
    pub fn new(stop: CancellationToken) -> Self {
        FirstLoad { stage: watch::Sender::new(Stage::Begun), stop }
    }

    /// Something was published, and perhaps a stage reached with that. A later load changes nothing here.
    pub fn published(&self, reached: Option<Stage>) {
        self.stage.send_modify(|stage| *stage = reached.map_or(*stage, |reached| reached.max(*stage)));
    }

    /// Waits until there is enough, and looks again whenever something is published. False if that takes too long.
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
    async fn whoever_waits_is_told_of_each_publication_and_not_for_ever() {
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
    async fn nobody_waits_for_a_host_that_stops() {
        let stop = CancellationToken::new();
        let load = FirstLoad::new(stop.clone());
        stop.cancel();
        assert!(!load.wait(LONG, |stage| stage == Stage::Over).await);
    }
}
