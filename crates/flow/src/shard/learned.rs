//! What servers say of themselves, from shard to shard.

use super::Shard;
use crate::lores::News;

impl Shard {
    /// What was learned of servers since this was asked.
    pub(crate) fn heard(&mut self) -> Vec<News> {
        self.commons.heard.take()
    }

    /// Something is known of a server from now on.
    pub(crate) fn learn_of(&mut self, news: News) {
        self.commons.known.learn(news, &mut self.commons.budget);
    }
}
