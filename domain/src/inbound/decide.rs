//! The order of those who are rung. See the module above.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::policy::InboundPolicy;
use crate::clock::UnixMs;
use crate::id::{DutyId, UserId};

words! {
    /// What a courier says of themselves.
    #[derive(Default)]
    pub enum Availability {
        /// Takes calls.
        #[default]
        Available = "available", "可接听", "available";
        /// 骑行模式: callers leave voicemail, or somebody else is rung.
        Riding = "riding", "骑行中", "riding";
        /// Off duty.
        Off = "off", "休息", "off duty";
    }
}

words! {
    /// The rule that named somebody.
    pub enum Rule {
        /// The blocklist.
        Blocklist = "blocklist", "黑名单", "blocklist";
        /// 总机溯源: who rang or notified this caller last.
        Affinity = "affinity", "总机溯源", "callback affinity";
        /// Who has open parcels for this caller.
        Parcel = "parcel", "有在派快件", "open parcel";
        /// On duty for the area.
        Duty = "duty", "片区值班", "on duty";
        /// 代班.
        Substitute = "substitute", "代班", "substitute";
        /// The branch's ring group.
        RingGroup = "ring_group", "网点振铃组", "ring group";
        /// Voicemail, the end of every order.
        Voicemail = "voicemail", "留言", "voicemail";
    }
}

words! {
    /// What a rule came to.
    pub enum Verdict {
        /// Named: is rung.
        Rung = "rung", "振铃", "is rung";
        /// The rule names nobody.
        Nobody = "nobody", "无", "names nobody";
        /// An earlier rule has named this courier.
        Already = "already", "已在前面", "named before";
        /// Left the company, or may not sign in any more.
        Inactive = "inactive", "已停用", "no longer active";
        /// Has no own telephone on record.
        NoPhone = "no_phone", "未登记手机", "has no telephone on record";
        /// Off duty by their own word.
        OffDuty = "off_duty", "休息中", "off duty";
        /// Riding.
        Riding = "riding", "骑行中", "riding";
        /// The caller rings from this courier's own telephone.
        Caller = "caller", "来电者本人", "is the caller";
        /// More couriers than the rules allow for one call.
        TooMany = "too_many", "超过人数上限", "over the limit of couriers";
        /// The contact is too old to count.
        Stale = "stale", "联系已过期", "contact is too old";
        /// The caller is barred.
        Barred = "barred", "已拦截", "is barred";
        /// The caller may go on.
        Passed = "passed", "通过", "may go on";
        /// The order ends here.
        Takes = "takes", "进入留言", "takes the call";
        /// Voicemail is switched off.
        Disabled = "disabled", "未开启", "is switched off";
    }
}

/// An entry of the blocklist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Barred until then; `None` for ever.
    pub until: Option<UnixMs>,
}

/// Somebody rang or notified this caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Who.
    pub courier: UserId,
    /// When.
    pub at: UnixMs,
}

/// A parcel that is still to be brought to this caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenParcel {
    /// Who has it.
    pub courier: UserId,
    /// Where it goes, as it is spoken: `3号楼`. May be empty.
    pub place: String,
    /// When its state last changed.
    pub at: UnixMs,
    /// When its courier's tour arrives with it, where that is known.
    pub arrives: Option<UnixMs>,
}

words! {
    /// What somebody does for an area.
    #[derive(Default)]
    pub enum OnCall {
        /// On duty.
        #[default]
        Duty = "duty", "值班", "on duty";
        /// 代班: rung where who is on duty does not answer.
        Substitute = "substitute", "代班", "substitute";
    }
}

/// A row of the area's schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duty {
    /// Id; a later one was made later.
    pub id: DutyId,
    /// Who.
    pub courier: UserId,
    /// As what.
    pub role: OnCall,
    /// First moment.
    pub from: UnixMs,
    /// First moment after it; `None` for no end.
    pub until: Option<UnixMs>,
    /// As long as it holds, those with the same role that were made before it count for nothing.
    pub takes_over: bool,
}

impl Duty {
    fn holds(&self, now: UnixMs) -> bool {
        self.from <= now && self.until.is_none_or(|u| now < u)
    }
}

/// What is known of a courier who may be named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Person {
    /// May still work here.
    pub active: bool,
    /// Has a telephone of their own on record.
    pub has_phone: bool,
    /// What they say of themselves now.
    pub availability: Availability,
    /// The call comes from their own telephone.
    pub is_caller: bool,
}

/// Everything that the decision is made from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The rules in force.
    pub policy: InboundPolicy,
    /// The caller's entry in the blocklist.
    pub block: Option<Block>,
    /// Who rang or notified the caller, in any order. Empty for a caller without a number.
    pub contacts: Vec<Contact>,
    /// Open parcels for the caller, in any order.
    pub parcels: Vec<OpenParcel>,
    /// The schedule of the number's area.
    pub duties: Vec<Duty>,
    /// The branch's ring group, in its order.
    pub ring_group: Vec<UserId>,
    /// Everybody named above; one who is missing is taken as inactive.
    pub people: BTreeMap<UserId, Person>,
}

/// Somebody to be rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Candidate {
    /// Who.
    pub courier: UserId,
    /// The rule that named them.
    pub rule: Rule,
}

/// One line of the explanation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ExplainLine {
    /// The rule.
    pub rule: Rule,
    /// What it came to.
    pub verdict: Verdict,
    /// Whom it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub courier: Option<UserId>,
    /// The time that decided: of the contact, of the parcel's state, of the duty's beginning, of the bar's end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<UnixMs>,
}

/// What becomes of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The caller is barred: refused, nobody is rung, nothing is recorded.
    pub barred: bool,
    /// Who is rung, in this order.
    pub candidates: Vec<Candidate>,
    /// Whose the voicemail or the missed call is; `None` where no rule named anybody: it is the branch's.
    pub owner: Option<UserId>,
    /// Every rule in order.
    pub explain: Vec<ExplainLine>,
}

/// Who is rung for a caller, in which order, and why. Never fails; the same facts give the same answer.
#[must_use]
pub fn decide(facts: &Facts, now: UnixMs) -> Decision {
    let mut order =
        Order { facts, candidates: Vec::new(), seen: BTreeSet::new(), owner: None, explain: Vec::new() };
    match facts.block {
        Some(block) if block.until.is_none_or(|u| now < u) => {
            order.line(Rule::Blocklist, Verdict::Barred, None, block.until);
            return Decision { barred: true, candidates: Vec::new(), owner: None, explain: order.explain };
        }
        _ => order.line(Rule::Blocklist, Verdict::Passed, None, None),
    }
    affinity(&mut order, now);
    with_parcels(&mut order);
    for (rule, role) in [(Rule::Duty, OnCall::Duty), (Rule::Substitute, OnCall::Substitute)] {
        let mut duties: Vec<&Duty> = facts.duties.iter().filter(|d| d.role == role && d.holds(now)).collect();
        let over = duties.iter().filter(|d| d.takes_over).map(|d| d.id).max();
        duties.retain(|d| over.is_none_or(|o| d.id >= o));
        // who took over last comes first
        duties.sort_by_key(|d| (std::cmp::Reverse(d.from), d.courier));
        order.all(rule, duties.into_iter().map(|d| (d.courier, Some(d.from))).collect());
    }
    order.all(Rule::RingGroup, facts.ring_group.iter().map(|c| (*c, None)).collect());
    let end = if facts.policy.voicemail { Verdict::Takes } else { Verdict::Disabled };
    let owner = order.owner;
    order.line(Rule::Voicemail, end, owner, None);
    Decision { barred: false, candidates: order.candidates, owner, explain: order.explain }
}

fn affinity(order: &mut Order<'_>, now: UnixMs) {
    let policy = &order.facts.policy;
    let mut latest: BTreeMap<UserId, UnixMs> = BTreeMap::new();
    for contact in &order.facts.contacts {
        let at = latest.entry(contact.courier).or_insert(contact.at);
        *at = (*at).max(contact.at);
    }
    let Some(newest) = latest.values().max().copied() else {
        order.line(Rule::Affinity, Verdict::Nobody, None, None);
        return;
    };
    if now.since(newest) > policy.affinity_ms {
        let courier = latest.iter().find(|(_, at)| **at == newest).map(|(c, _)| *c);
        order.line(Rule::Affinity, Verdict::Stale, courier, Some(newest));
        return;
    }
    let has_parcel = |c: &UserId| order.facts.parcels.iter().any(|p| p.courier == *c);
    let tied = latest.iter().filter(|(_, at)| newest.since(**at) <= policy.tie_ms);
    let last = tied
        .max_by_key(|(c, at)| (has_parcel(c), **at, std::cmp::Reverse(**c)))
        .map(|(c, at)| (*c, Some(*at)));
    order.all(Rule::Affinity, last.into_iter().collect());
}

fn with_parcels(order: &mut Order<'_>) {
    let mut by: BTreeMap<UserId, (usize, UnixMs)> = BTreeMap::new();
    for parcel in &order.facts.parcels {
        let entry = by.entry(parcel.courier).or_insert((0, parcel.at));
        entry.0 += 1;
        entry.1 = entry.1.max(parcel.at);
    }
    let mut ranked: Vec<(UserId, (usize, UnixMs))> = by.into_iter().collect();
    ranked.sort_by_key(|(courier, (n, at))| (std::cmp::Reverse((*n, *at)), *courier));
    order.all(Rule::Parcel, ranked.into_iter().map(|(c, (_, at))| (c, Some(at))).collect());
}

/// The order as far as it is made.
struct Order<'a> {
    facts: &'a Facts,
    candidates: Vec<Candidate>,
    seen: BTreeSet<UserId>,
    owner: Option<UserId>,
    explain: Vec<ExplainLine>,
}

impl Order<'_> {
    fn line(&mut self, rule: Rule, verdict: Verdict, courier: Option<UserId>, at: Option<UnixMs>) {
        self.explain.push(ExplainLine { rule, verdict, courier, at });
    }

    /// Those whom a rule names, in order.
    fn all(&mut self, rule: Rule, named: Vec<(UserId, Option<UnixMs>)>) {
        if named.is_empty() {
            self.line(rule, Verdict::Nobody, None, None);
        }
        for (courier, at) in named {
            let verdict = self.name(rule, courier);
            self.line(rule, verdict, Some(courier), at);
        }
    }

    fn name(&mut self, rule: Rule, courier: UserId) -> Verdict {
        let person = self.facts.people.get(&courier).copied().unwrap_or_default();
        if !self.seen.insert(courier) {
            return Verdict::Already;
        }
        if person.is_caller {
            return Verdict::Caller;
        }
        if !person.active {
            return Verdict::Inactive;
        }
        // the ring group stands in; it is not whom the caller meant
        if rule != Rule::RingGroup {
            self.owner.get_or_insert(courier);
        }
        match person.availability {
            Availability::Off => return Verdict::OffDuty,
            Availability::Riding => return Verdict::Riding,
            Availability::Available => {}
        }
        if !person.has_phone {
            return Verdict::NoPhone;
        }
        if self.candidates.len() >= usize::from(self.facts.policy.max_candidates) {
            return Verdict::TooMany;
        }
        self.candidates.push(Candidate { courier, rule });
        Verdict::Rung
    }
}
