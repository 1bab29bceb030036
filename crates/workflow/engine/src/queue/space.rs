//! Room on the project's disk: nothing new is started where there is none, and the work goes on when there is again.

use super::Queue;
use crate::EngineError;
use crate::machine::Event;

impl Queue<'_> {
    /// Tells the core whether there is room.
    pub(super) fn look_at_space(&mut self) -> Result<(), EngineError> {
        let root = self.engine.project.root();
        let Ok(disk) = rustix::fs::statvfs(root) else {
            return Ok(());
        };
        let free = disk.f_bavail.saturating_mul(disk.f_frsize) >= self.configuration.reserve;
        if free != self.state.paused.is_none() {
            self.tell(Event::Space { free })?;
        }
        Ok(())
    }
}
