//! What a seed makes: organisations, couriers, people, parcels, what is done to them and when, and deaths.

use super::action::Action;
use super::history::{History, Org};
use super::world::{Death, State, What};
use rand::Rng;
use sea_orm::Value;
use waybell_domain::clock::{DAY, HOUR, MINUTE, SECOND, UnixMs};
use waybell_domain::dial::policy::{Anchor, FrequencyRule, Policy, QuietHours};
use waybell_domain::id::{BatchId, ParcelId, UserId};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{ActedAt, BatchAction, BatchRequest};

fn policy(s: &mut State) -> Policy {
    let mut policy = Policy { quiet: vec![QuietHours::NIGHT], ..Policy::default() };
    let minute = FrequencyRule { window: MINUTE, max: 1, anchor: Anchor::Rolling, counts_failed: true };
    policy.frequency = vec![minute];
    if s.chance(0.2) {
        policy.frequency.push(FrequencyRule {
            window: HOUR,
            max: 3,
            anchor: Anchor::FirstCall,
            counts_failed: false,
        });
    }
    if s.chance(0.25) {
        // not those that may put somebody off for longer than a history lasts
        let names = ["aliyun", "aliyun_tasks", "tencent", "volcengine"];
        policy.carrier = Some(names[s.rng.random_range(0..names.len())].to_owned());
    }
    policy.retry.back_off = 5 * SECOND;
    policy.retry.limit_gap = 2 * MINUTE;
    policy.retry.max_uncounted = 3;
    policy
}

impl History<'_> {
    pub(crate) async fn prepare(&mut self) {
        self.bench.inline.wipe();
        let db = &self.bench.store;
        let write = db.begin().await.unwrap();
        let world = self.world.clone();
        let now = UnixMs(world.state.lock().now);
        let organisations = if self.seed.is_multiple_of(5) { 2 } else { 1 };
        for o in 0..organisations {
            let policy = policy(&mut world.state.lock());
            let name = format!("org{o}");
            let (id, branch) = waybell_server::org::service::create_organisation(
                &write,
                now,
                &name,
                "速达",
                "Asia/Shanghai",
                &policy,
            )
            .await
            .unwrap();
            let (couriers, people) = {
                let mut s = world.state.lock();
                (s.rng.random_range(1..=3), s.rng.random_range(1..=5))
            };
            let mut org = Org { id, couriers: Vec::new(), parcels: Vec::new(), phones: Vec::new() };
            for c in 0..couriers {
                let courier = UserId::at(now, world.state.lock().ids.random());
                let phone = PhoneNumber::parse(&format!("1390000{o:02}{c:02}")).unwrap().key();
                write
                    .exec(
                        "INSERT INTO person (id, organisation_id, branch_id, login, name, role, password_hash, phone_key, created_at) \
                         VALUES ($1, $2, $3, $4, $4, 'courier', '', $5, 0)",
                        [
                            courier.to_string().into(),
                            id.to_string().into(),
                            branch.to_string().into(),
                            format!("c{o}{c}").into(),
                            phone.into(),
                        ],
                    )
                    .await
                    .unwrap();
                org.couriers.push(courier);
            }
            for p in 0..people {
                org.phones.push(PhoneNumber::parse(&format!("1381234{o:02}{p:02}")).unwrap().key());
            }
            let parcels = world.state.lock().rng.random_range(people..people * 2 + 1);
            for n in 0..parcels {
                let (courier, phone, parcel) = {
                    let mut s = world.state.lock();
                    let c = s.rng.random_range(0..couriers);
                    (c, org.phones[s.rng.random_range(0..people)].clone(), ParcelId::at(now, s.ids.random()))
                };
                let values: Vec<Value> = vec![
                    parcel.to_string().into(),
                    id.to_string().into(),
                    branch.to_string().into(),
                    org.couriers[courier].to_string().into(),
                    format!("YT{o}{n:08}").into(),
                    phone.clone().into(),
                    (n as i64).into(),
                ];
                write
                    .exec(
                        "INSERT INTO parcel (id, organisation_id, branch_id, courier_id, waybill_no, kind, state, recipient_name, \
                         phone_key, address, estate, building, mark, sequence, imported_at, state_at, rev) \
                         VALUES ($1, $2, $3, $4, $5, 'delivery', $8, '张', $6, 'a', '幸福花园', '3栋', 'not_called', $7, 0, 0, 1)",
                        values.into_iter().chain([Value::from(
                            waybell_domain::parcel::ParcelState::default().as_str(),
                        )]),
                    )
                    .await
                    .unwrap();
                org.parcels.push((parcel, phone, courier));
            }
            self.orgs.push(org);
        }
        write.commit().await.unwrap();
        self.plan_actions();
        self.plan_deaths();
    }

    fn plan_actions(&mut self) {
        let world = self.world.clone();
        let mut s = world.state.lock();
        let now = UnixMs(s.now);
        let mut later: Vec<(i64, Action)> = Vec::new();
        for _ in 0..s.rng.random_range(1..=8) {
            let within = [5_000, 240_000, 1_200_000][s.rng.random_range(0..3)];
            let at = s.rng.random_range(0..within);
            let org = s.rng.random_range(0..self.orgs.len());
            let courier = s.rng.random_range(0..self.orgs[org].couriers.len());
            let mine: Vec<ParcelId> =
                self.orgs[org].parcels.iter().filter(|p| p.2 == courier).map(|p| p.0).collect();
            let some: Vec<ParcelId> = mine.iter().copied().filter(|_| s.chance(0.8)).collect();
            let id = BatchId::at(now, s.ids.random());
            if s.chance(0.15) || some.is_empty() {
                let include_unknown = s.chance(0.5);
                later.push((at, Action::Again { org, courier, id, include_unknown }));
                continue;
            }
            let age = if s.chance(0.08) { 3 * HOUR as u64 } else { 0 };
            let start_at = s.chance(0.1).then(|| UnixMs(now.0 + at + 30_000));
            let request = Box::new(BatchRequest {
                id,
                template: "arrived".into(),
                parcels: some,
                acted_at: ActedAt { wall: now, age_ms: Some(age) },
                start_at,
                ahead: None,
                display_number: None,
                confirmed: false,
            });
            let tap = Action::Tap { org, courier, request };
            later.push((at, tap.clone()));
            let act = |action| Action::Act { org, courier, batch: id, action };
            if s.chance(0.2) {
                // the same request once more
                later.push((at + s.rng.random_range(1..20_000), tap));
            }
            if age > 0 {
                later.push((at + 40_000, act(BatchAction::Confirm)));
            }
            if s.chance(0.2) {
                let from = at + s.rng.random_range(0..30_000);
                later.push((from, act(BatchAction::Pause)));
                later.push((from + s.rng.random_range(1..90_000), act(BatchAction::Resume)));
            }
            if s.chance(0.15) {
                // an undo at once finds calls that have left and do not ring yet
                let within = [2_000, 40_000][s.rng.random_range(0..2)];
                later.push((at + s.rng.random_range(0..within), act(BatchAction::Undo)));
            }
        }
        for org in 0..self.orgs.len() {
            if s.chance(0.1) {
                let from = s.rng.random_range(0..60_000);
                later.push((from, Action::Stop { org, stopped: true }));
                later.push((from + 120_000, Action::Stop { org, stopped: false }));
            }
            if s.chance(0.15) {
                let phone = self.orgs[org].phones[0].clone();
                later.push((s.rng.random_range(0..120_000), Action::OptOut { org, phone }));
            }
            if s.chance(0.15) {
                let parcel = self.orgs[org].parcels[0].0.to_string();
                later.push((s.rng.random_range(0..120_000), Action::Deliver { parcel }));
            }
        }
        for _ in 0..[0, 0, 0, 1, 2][s.rng.random_range(0..5)] {
            let by = [-40_000, 40_000, -2 * HOUR, 2 * HOUR, -DAY, 11 * HOUR][s.rng.random_range(0..6)];
            let at = s.rng.random_range(0..600_000);
            s.after(at, What::Step(by));
        }
        for (at, action) in later {
            self.actions.push(action);
            s.after(at, What::Act(self.actions.len() - 1));
        }
    }

    fn plan_deaths(&mut self) {
        let mut s = self.world.state.lock();
        let n = [0, 1, 1, 2, 4][s.rng.random_range(0..5)];
        for _ in 0..n {
            let after = s.chance(0.5);
            match s.rng.random_range(0..6) {
                0..2 => {
                    let n = s.rng.random_range(1..60);
                    s.deaths.push(Death::Command { n, after });
                }
                2 => {
                    let n = s.rng.random_range(1..2_500);
                    s.deaths.push(Death::Turn(n));
                }
                3..5 => {
                    let n = s.rng.random_range(1..80);
                    s.deaths.push(Death::Commit { n, after });
                }
                _ => {
                    let at = s.rng.random_range(0..120_000);
                    s.after(at, What::Die);
                }
            }
        }
        s.after(0, What::Start);
    }
}
