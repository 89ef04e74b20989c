//! The table: who may do what at which stage, and what becomes of the order.

use super::{
    Course, OpenUrge, OrderAction, OrderPolicy, OrderRefusal, OrderResult, OrderType, Satisfaction, Stage,
    Standing, Stop, StopKind,
};
use crate::clock::{MINUTE, UnixMs};

impl Course {
    /// The course after an action at `at`. Earlier than the order's arrival at its stage it cannot have been: then it counts
    /// from there. `kind` is the order's type; it is absent where the organisation has removed it, which stops nobody.
    ///
    /// # Errors
    /// Why it is not taken; the course stays as it was.
    pub fn step(
        &self,
        policy: &OrderPolicy,
        kind: Option<&OrderType>,
        who: Standing,
        action: &OrderAction,
        at: UnixMs,
    ) -> Result<Course, OrderRefusal> {
        let mut next = self.clone();
        let at = at.max(self.arrived_at);
        next.allow(who, action)?;
        next.act(policy, kind, who, action, at)?;
        if who.staff || self.handler == Some(who.person) {
            let urges = matches!(action, OrderAction::Urge { .. });
            next.heard_at = if urges { self.heard_at } else { next.heard_at.max(at) };
        }
        Ok(next)
    }

    /// Whether it is this person's to do at this stage.
    fn allow(&self, who: Standing, action: &OrderAction) -> Result<(), OrderRefusal> {
        use OrderAction as A;
        let handler = self.handler == Some(who.person);
        let (may, stages): (bool, &[Stage]) = match action {
            A::Accept => (who.staff, &[Stage::Accept]),
            A::Approve => (who.staff, &[Stage::Review]),
            A::Assign { .. } => (who.staff, &[Stage::Assign, Stage::Handle]),
            A::Take => (handler || who.staff || who.member, &[Stage::Handle]),
            A::Node { .. } | A::Transfer { .. } | A::Resolve { .. } => {
                (handler || who.staff, &[Stage::Handle])
            }
            A::Return { .. } => (handler, &[Stage::Handle]),
            A::Hold { .. } | A::Resume => {
                (who.staff, &[Stage::Accept, Stage::Review, Stage::Assign, Stage::Handle])
            }
            A::Revisit { .. } => (who.staff, &[Stage::Revisit]),
            A::Reopen { .. } => (who.staff, &[Stage::Revisit, Stage::Archive]),
            A::Close { .. } => {
                let withdrawn = who.opener && self.stage == Stage::Accept;
                let open: &[Stage] =
                    &[Stage::Accept, Stage::Review, Stage::Assign, Stage::Handle, Stage::Revisit];
                (who.staff || withdrawn, open)
            }
            A::Urge { .. } => {
                let open: &[Stage] = &[Stage::Accept, Stage::Review, Stage::Assign, Stage::Handle];
                (who.staff || who.opener && !handler, open)
            }
            A::Acknowledge { .. } => {
                (handler || who.staff, &[Stage::Accept, Stage::Review, Stage::Assign, Stage::Handle])
            }
            A::Note { .. } => (handler || who.staff || who.opener || who.member, Stage::ALL),
        };
        if !may {
            return Err(OrderRefusal::NotYours);
        }
        match stages.contains(&self.stage) {
            true => Ok(()),
            false if self.stage == Stage::Archive => Err(OrderRefusal::Archived),
            false => Err(OrderRefusal::WrongStage),
        }
    }

    fn act(
        &mut self,
        policy: &OrderPolicy,
        kind: Option<&OrderType>,
        who: Standing,
        action: &OrderAction,
        at: UnixMs,
    ) -> Result<(), OrderRefusal> {
        use OrderAction as A;
        match action {
            A::Accept => {
                let stage = kind.map_or(Stage::Assign, OrderType::after_accept);
                self.arrive(stage, self.department.clone(), None, at);
            }
            A::Approve => self.arrive(Stage::Assign, self.department.clone(), None, at),
            A::Assign { department, handler } | A::Transfer { department, handler, .. } => {
                if department.is_none() && handler.is_none() {
                    return Err(OrderRefusal::NobodyNamed);
                }
                let to = department.clone().or_else(|| self.department.clone());
                if let Some(to) = &to {
                    self.leads_to(policy, to, matches!(action, A::Transfer { .. }))?;
                }
                self.arrive(Stage::Handle, to, *handler, at);
            }
            A::Take => {
                if self.taken_at.is_some() {
                    return Err(OrderRefusal::TakenAlready);
                }
                if self.handler.is_some_and(|h| h != who.person) {
                    return Err(OrderRefusal::NotYours);
                }
                self.handler = Some(who.person);
                self.taken_at = Some(at);
            }
            // what somebody without it says about it does not make them its handler
            A::Node { .. } if self.handler == Some(who.person) => {
                self.taken_at.get_or_insert(at);
            }
            A::Node { .. } | A::Note { .. } => {}
            A::Return { .. } => self.arrive(Stage::Assign, self.department.clone(), None, at),
            A::Hold { until, .. } => {
                if self.is_held(at) {
                    return Err(OrderRefusal::HeldAlready);
                }
                self.stops.push(Stop { kind: StopKind::Hold, from: at, until: Some(*until), ended: None });
            }
            A::Resume => {
                if !self.is_held(at) {
                    return Err(OrderRefusal::NotHeld);
                }
                self.end_stops(StopKind::Hold, at);
            }
            A::Resolve { .. } => self.resolve(kind, who, at),
            A::Revisit { outcome, .. } => return self.revisit(policy, who, *outcome, at),
            A::Reopen { .. } => self.again(at),
            A::Close { .. } => {
                self.end_stops(StopKind::Hold, at);
                if self.done_at().is_none() {
                    self.stops.push(Stop { kind: StopKind::Done, from: at, until: None, ended: None });
                }
                self.over(OrderResult::Closed, at);
            }
            A::Urge { answer_by, .. } => self.urged(policy, who, at, *answer_by),
            A::Acknowledge { .. } => {
                self.urge.take().ok_or(OrderRefusal::NotUrged)?;
            }
        }
        Ok(())
    }

    fn leads_to(&self, policy: &OrderPolicy, to: &str, along: bool) -> Result<(), OrderRefusal> {
        policy.department(to).ok_or(OrderRefusal::NoDepartment)?;
        let from =
            self.department.as_deref().filter(|from| *from != to).and_then(|from| policy.department(from));
        match from {
            Some(from) if along && !from.next.is_empty() && !from.next.iter().any(|n| n == to) => {
                Err(OrderRefusal::NoWay)
            }
            _ => Ok(()),
        }
    }

    fn end_stops(&mut self, kind: StopKind, at: UnixMs) {
        for stop in self.stops.iter_mut().filter(|s| s.kind == kind && s.ended.is_none()) {
            if stop.until.is_none_or(|until| at < until) {
                stop.ended = Some(at.max(stop.from));
            }
        }
    }

    fn resolve(&mut self, kind: Option<&OrderType>, who: Standing, at: UnixMs) {
        self.end_stops(StopKind::Hold, at);
        self.urge = None;
        let next = kind.and_then(|k| k.after(self.department.as_deref())).map(str::to_owned);
        if next.is_some() {
            self.arrive(Stage::Assign, next, None, at);
            return;
        }
        self.handler.get_or_insert(who.person);
        self.taken_at.get_or_insert(at);
        self.stops.push(Stop { kind: StopKind::Done, from: at, until: None, ended: None });
        self.tries = 0;
        if kind.is_some_and(|k| k.revisit) {
            self.stage = Stage::Revisit;
            self.arrived_at = at;
        } else {
            self.over(OrderResult::Resolved, at);
        }
    }

    fn revisit(
        &mut self,
        policy: &OrderPolicy,
        who: Standing,
        outcome: Satisfaction,
        at: UnixMs,
    ) -> Result<(), OrderRefusal> {
        if self.handler == Some(who.person) {
            return Err(OrderRefusal::OwnWork);
        }
        self.tries = self.tries.saturating_add(1);
        match outcome {
            Satisfaction::Satisfied => self.over(OrderResult::Resolved, at),
            Satisfaction::Unsatisfied => self.again(at),
            Satisfaction::NotReached if self.tries >= policy.revisit_tries => {
                self.over(OrderResult::NotReached, at);
            }
            Satisfaction::NotReached => {}
        }
        Ok(())
    }

    /// It was not done: staff say who goes on, and the clock goes on where it stood.
    fn again(&mut self, at: UnixMs) {
        self.end_stops(StopKind::Done, at);
        self.result = None;
        self.arrive(Stage::Assign, self.department.clone(), None, at);
    }

    fn over(&mut self, result: OrderResult, at: UnixMs) {
        self.stage = Stage::Archive;
        self.arrived_at = at;
        self.urge = None;
        self.result = Some(result);
    }

    fn urged(&mut self, policy: &OrderPolicy, who: Standing, at: UnixMs, answer_by: Option<UnixMs>) {
        let merge = i64::from(policy.urge.merge_min) * MINUTE;
        let (mut open, new) = match self.urge.take() {
            Some(open) => {
                let same = open.by == who.person && at.since(open.last_at) < merge;
                (open, !same)
            }
            None => (OpenUrge { first_at: at, last_at: at, by: who.person, count: 0, answer_by: None }, true),
        };
        open.count += u32::from(new);
        self.urges += u32::from(new);
        open.by = who.person;
        open.last_at = open.last_at.max(at);
        open.answer_by = match (open.answer_by, answer_by) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        self.urge = Some(open);
    }
}
