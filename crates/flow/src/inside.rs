//! Streams inside a flow: what TLS decrypts, what a tunnel carries. They are talks like the flow's own.

use dissect::{Event, Heritage, Inner, Limits, Opens, What};
use model::{Mark, Side, Timestamp};

use crate::{
    deliver::{Agreed, Deliver, Start},
    detect::Unknown,
    flow::{Rare, Speech, Talk},
};

/// Streams inside streams followed; what is deeper is not looked at.
const DEPTH_MAX: u8 = 3;
/// Streams that go on at a time inside one flow.
const CHANNELS_MAX: usize = 1_024;
/// What a stream inside is charged, beside what it keeps.
const COST: usize = size_of::<(u64, Talk)>() + size_of::<Rare>();

// === impl Deliver: inside ===

impl Deliver<'_> {
    /// Brings what the conversation found inside to what is said there.
    pub(crate) fn deliver_inside(&mut self) {
        let mut inner = std::mem::take(&mut self.commons.inner);
        let mut rare = self.take_rare().unwrap_or_default();
        for event in inner.events() {
            self.event(&mut rare, event, &inner);
        }
        self.put_rare(rare);
        inner.clear();
        self.commons.inner = inner;
    }

    /// Everything unfinished inside leaves.
    pub(crate) fn close_inside(&mut self, mark: Mark) {
        let ended = self.talk.ended;
        self.each_inside(|deliver| {
            deliver.talk.ended = deliver.talk.ended.or(ended);
            deliver.close(mark);
        });
        if let Some(rare) = &mut self.talk.rare {
            self.commons.budget.release(rare.channels.len() * COST);
            rare.channels = Vec::new();
        }
    }

    /// The clock moved.
    pub(crate) fn tick_inside(&mut self, now: Timestamp) {
        self.each_inside(|deliver| deliver.tick(now));
    }

    fn each_inside(&mut self, mut act: impl FnMut(&mut Deliver<'_>)) {
        let Some(mut rare) = self.take_rare() else { return };
        for (_, talk) in &mut rare.channels {
            act(&mut self.inside(talk));
        }
        self.put_rare(rare);
    }

    /// What is inside, while something is done with it. Streams are numbered through the whole flow,
    /// however deep they are: the count is the flow's.
    fn take_rare(&mut self) -> Option<Box<Rare>> {
        let rare = self.talk.rare.take();
        if self.depth == 0 {
            self.commons.found = rare.as_ref().map_or(0, |rare| rare.found);
        }
        rare
    }

    fn put_rare(&mut self, mut rare: Box<Rare>) {
        if self.depth == 0 {
            rare.found = self.commons.found;
        }
        self.talk.rare = Some(rare);
    }

    fn event(&mut self, rare: &mut Rare, event: &Event, inner: &Inner) {
        if let What::Opens(opens) = &event.what {
            self.close_channel(rare, event.channel, event.mark);
            self.open_channel(rare, event.channel, opens);
            return;
        }
        let Some(at) = rare.channels.iter().position(|(channel, _)| *channel == event.channel)
        else {
            // There was no room for it, or it is too deep.
            if let What::Says { start, end } = event.what {
                self.commons.tally.unknown_bytes += (end - start) as u64;
            }
            return;
        };
        let (_, talk) = &mut rare.channels[at];
        let dir = talk.dir(event.from);
        let mut deliver = self.inside(talk);
        match event.what {
            What::Opens(_) => {}
            What::Says { start, end } => deliver.say(dir, event.mark, inner.bytes(start, end), 0),
            What::Gap(len, why) => deliver.lost(dir, event.mark, len, why),
            What::Ends(why) => {
                deliver.ended(dir, event.mark, why);
                if deliver.talk.both_done(event.from) {
                    self.close_channel(rare, event.channel, event.mark);
                }
            }
        }
    }

    fn open_channel(&mut self, rare: &mut Rare, channel: u64, opens: &Opens) {
        let refused = self.depth >= DEPTH_MAX
            || rare.channels.len() >= CHANNELS_MAX
            || !self.commons.budget.charge(COST);
        if refused {
            self.commons.counts.budget_messages += 1;
            return;
        }
        self.commons.found += 1;
        let unknown = if opens.late { Unknown::joined_late() } else { Unknown::default() };
        let own = Rare {
            inside: self.commons.found,
            // A tunnel is wrapped in what it goes through.
            cover: opens.cover.clone().or_else(|| rare.cover.clone()),
            translated: rare.translated.clone(),
            late: opens.late,
            transport: opens.transport,
            ..Rare::default()
        };
        let mut talk = Talk {
            key: self.talk.key,
            stream: self.talk.stream,
            birth: self.talk.birth,
            per_mille: self.talk.per_mille,
            source: self.talk.source,
            client: self.talk.client,
            numbers: (0, 0),
            sealed: false,
            ended: None,
            withdrawn: 0,
            speech: Speech::Unknown(unknown),
            rare: Some(Box::new(own)),
        };
        if let Some(Heritage { name, bytes, by }) = &opens.speaks {
            let by = by.map(|number| self.talk.call_id(rare.inside, number));
            let mut deliver = self.inside(&mut talk);
            deliver.commons.heritage.bytes.clone_from(bytes);
            deliver.talk.speech = deliver.named(name, Agreed { by, ..Agreed::default() });
            deliver.commons.heritage.bytes.clear();
        }
        rare.channels.push((channel, talk));
    }

    fn close_channel(&mut self, rare: &mut Rare, channel: u64, mark: Mark) {
        let Some(at) = rare.channels.iter().position(|(known, _)| *known == channel) else {
            return;
        };
        let (_, mut talk) = rare.channels.swap_remove(at);
        self.inside(&mut talk).close(mark);
        self.commons.budget.release(COST);
    }

    /// The same place, one stream further in.
    fn inside<'t>(&'t mut self, talk: &'t mut Talk) -> Deliver<'t> {
        let late = talk.rare.as_ref().is_some_and(|rare| rare.late);
        Deliver {
            talk,
            commons: &mut *self.commons,
            sink: &mut *self.sink,
            order: self.order,
            last_at: self.last_at,
            start: if late { Start::Opener } else { Start::Seen },
            flushed: self.flushed,
            depth: self.depth + 1,
        }
    }
}

// === impl Talk ===

impl Talk {
    /// When what is said here, or inside, has something to do by itself.
    pub(crate) fn deadline(&self, limits: &Limits) -> Option<Timestamp> {
        let Speech::Speaks(_, conversation) = &self.speech else { return None };
        let own = conversation.deadline(limits);
        let Some(rare) = &self.rare else { return own };
        let inside = rare.channels.iter().filter_map(|(_, talk)| talk.deadline(limits));
        own.into_iter().chain(inside).min()
    }

    /// `side` is done; whether both are.
    fn both_done(&mut self, side: Side) -> bool {
        let rare = self.rare.get_or_insert_default();
        rare.done[side as usize] = true;
        rare.done == [true; 2]
    }
}
