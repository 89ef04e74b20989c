//! The table `place`.

use crate::app::App;
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, all, marks, one};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use waybell_domain::building::PlaceSource;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OrganisationId, UserId};
use waybell_domain::track::Place;
use waybell_domain::wire::PlaceView;

const COLUMNS: &str =
    "place_key, source, lat_e7, lon_e7, within_m, visits, engine, person_id, set_at, gone, rev";
/// Keys of one query.
const CHUNK: usize = 400;

/// A branch of an organisation, as it is stored; empty for people of no branch.
#[derive(Clone, Debug)]
pub(crate) struct Branch {
    pub organisation: String,
    pub branch: String,
}

impl Branch {
    /// The asker's own.
    pub(crate) fn of(scope: &Scope) -> Branch {
        Branch::new(scope.organisation, scope.branch.map(|b| b.to_string()).unwrap_or_default())
    }

    pub(crate) fn new(organisation: OrganisationId, branch: String) -> Branch {
        Branch { organisation: organisation.to_string(), branch }
    }
}

#[derive(FromQueryResult)]
pub(super) struct Row {
    pub place_key: String,
    source: String,
    lat_e7: i64,
    lon_e7: i64,
    within_m: i64,
    visits: i64,
    engine: Option<String>,
    person_id: Option<String>,
    pub set_at: i64,
    gone: i64,
    rev: i64,
}

impl Row {
    pub(super) fn view(&self) -> Option<PlaceView> {
        let view = self.read();
        if view.is_none() {
            tracing::error!(rev = self.rev, "a place does not read back");
        }
        view
    }

    fn read(&self) -> Option<PlaceView> {
        Some(PlaceView {
            key: self.place_key.clone(),
            source: PlaceSource::parse(&self.source)?,
            at: at(self.lat_e7, self.lon_e7)?,
            within_m: u32::try_from(self.within_m).ok()?,
            visits: u32::try_from(self.visits).ok()?,
            engine: self.engine.clone(),
            by: self.person_id.as_deref().and_then(|id| UserId::parse(id).ok()),
            set_at: UnixMs(self.set_at),
            gone: self.gone != 0,
            rev: self.rev,
        })
    }
}

/// Stored degrees.
pub(super) fn at(lat_e7: i64, lon_e7: i64) -> Option<Place> {
    Some(Place { lat_e7: i32::try_from(lat_e7).ok()?, lon_e7: i32::try_from(lon_e7).ok()? })
}

/// True if a place from outside is one; 0,0 is how systems write that they know none.
pub(crate) fn is_place(at: Place) -> bool {
    at.lat().abs() <= 90.0 && at.lon().abs() <= 180.0 && (at.lat_e7, at.lon_e7) != (0, 0)
}

/// What one source says of one building, if it ever said anything.
pub(super) async fn find<C: ConnectionTrait>(
    db: &C,
    branch: &Branch,
    key: &str,
    source: PlaceSource,
) -> Result<Option<PlaceView>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM place WHERE organisation_id = $1 AND branch_id = $2 AND place_key = $3 AND source = $4"
    );
    let values: [Value; 4] = [
        branch.organisation.clone().into(),
        branch.branch.clone().into(),
        key.into(),
        source.as_str().into(),
    ];
    Ok(one::<Row, _>(db, &sql, values).await?.and_then(|row| row.view()))
}

/// What all sources say of these buildings.
pub(super) async fn of_keys<C: ConnectionTrait>(
    db: &C,
    branch: &Branch,
    keys: &[String],
) -> Result<Vec<PlaceView>, StoreError> {
    let mut found = Vec::new();
    for chunk in keys.chunks(CHUNK) {
        let mut values: Vec<Value> = vec![branch.organisation.clone().into(), branch.branch.clone().into()];
        values.extend(chunk.iter().map(|k| Value::from(k.clone())));
        let sql = format!(
            "SELECT {COLUMNS} FROM place WHERE organisation_id = $1 AND branch_id = $2 AND place_key IN ({})",
            marks(3, chunk.len())
        );
        found.extend(all::<Row, _>(db, &sql, values).await?.iter().filter_map(Row::view));
    }
    Ok(found)
}

/// Stores what a source says from now on; the revision is given here.
pub(super) async fn put(write: &Write, branch: &Branch, view: &PlaceView) -> Result<(), StoreError> {
    let values: [Value; 13] = [
        branch.organisation.clone().into(),
        branch.branch.clone().into(),
        view.key.clone().into(),
        view.source.as_str().into(),
        i64::from(view.at.lat_e7).into(),
        i64::from(view.at.lon_e7).into(),
        i64::from(view.within_m).into(),
        i64::from(view.visits).into(),
        view.engine.clone().into(),
        view.by.map(|by| by.to_string()).into(),
        view.set_at.0.into(),
        i64::from(view.gone).into(),
        write.next_rev().into(),
    ];
    let sql = "INSERT INTO place (organisation_id, branch_id, place_key, source, lat_e7, lon_e7, within_m, visits, engine, \
               person_id, set_at, gone, rev) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) \
               ON CONFLICT (organisation_id, branch_id, place_key, source) DO UPDATE SET lat_e7 = excluded.lat_e7, \
               lon_e7 = excluded.lon_e7, within_m = excluded.within_m, visits = excluded.visits, engine = excluded.engine, \
               person_id = excluded.person_id, set_at = excluded.set_at, gone = excluded.gone, rev = excluded.rev";
    write.exec(sql, values).await?;
    Ok(())
}

/// Places of the scope's branch that changed after `since` and up to `end`, by revision.
pub(crate) async fn newer(
    app: &App,
    scope: &Scope,
    since: i64,
    end: i64,
    limit: u64,
) -> Result<Vec<PlaceView>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM place WHERE organisation_id = $1 AND branch_id = $2 AND rev > $3 AND rev <= $4 \
         ORDER BY rev LIMIT $5"
    );
    let branch = Branch::of(scope);
    let values: [Value; 5] =
        [branch.organisation.into(), branch.branch.into(), since.into(), end.into(), (limit as i64).into()];
    Ok(all::<Row, _>(app.store.read(), &sql, values).await?.iter().filter_map(Row::view).collect())
}

/// Places of a branch that hold, by name: those that contain `search`.
pub(super) async fn list<C: ConnectionTrait>(
    db: &C,
    branch: &Branch,
    search: &str,
    limit: i64,
) -> Result<Vec<PlaceView>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM place WHERE organisation_id = $1 AND branch_id = $2 AND gone = 0 \
         AND place_key LIKE $3 ESCAPE '!' ORDER BY place_key, source LIMIT $4"
    );
    let search = waybell_domain::search::normalise(search);
    let escaped = search.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    let values: [Value; 4] = [
        branch.organisation.clone().into(),
        branch.branch.clone().into(),
        format!("%{escaped}%").into(),
        limit.into(),
    ];
    Ok(all::<Row, _>(db, &sql, values).await?.iter().filter_map(Row::view).collect())
}

/// Those of these buildings of which anything is known that holds, or that a supervisor has removed from what services say.
pub(crate) async fn known_keys<C: ConnectionTrait>(
    db: &C,
    branch: &Branch,
    keys: &[String],
) -> Result<Vec<String>, StoreError> {
    let known = of_keys(db, branch, keys).await?;
    let counts = |p: &PlaceView| !p.gone || p.source == PlaceSource::Geocoded;
    Ok(known.into_iter().filter(counts).map(|p| p.key).collect())
}

/// What a service says of a building.
pub(crate) async fn put_found(
    write: &Write,
    branch: &Branch,
    key: &str,
    engine: &str,
    at: Place,
    within_m: u32,
    now: UnixMs,
) -> Result<(), StoreError> {
    let view = PlaceView {
        key: key.to_owned(),
        source: PlaceSource::Geocoded,
        at,
        within_m,
        visits: 0,
        engine: Some(engine.to_owned()),
        by: None,
        set_at: now,
        gone: false,
        rev: 0,
    };
    put(write, branch, &view).await
}
