//! What readers do: keep an article among their own, and read it. Both may come late, twice and from several phones.

use super::rows::{Shown, missing, shown};
use crate::http::error::ApiResult;
use crate::org::policy;
use crate::store::scope::Scope;
use crate::store::{Write, number};
use chrono::{Datelike, TimeZone};
use sea_orm::Value;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::ArticleId;
use waybell_domain::wire::ArticleUse;

/// Keeps it among one's own, or no longer. Of two decisions the later counts, whichever comes last.
pub(super) async fn favourite(
    write: &Write,
    scope: &Scope,
    id: &str,
    keep: bool,
    acted_at: UnixMs,
) -> ApiResult<Shown> {
    let row = shown(write.tx(), scope, id).await?;
    let sql = "INSERT INTO knowledge_favourite (article_id, person_id, organisation_id, kept, acted_at, rev) VALUES ($1, $2, $3, $4, \
               $5, $6) ON CONFLICT (article_id, person_id) DO UPDATE SET kept = excluded.kept, acted_at = excluded.acted_at, \
               rev = excluded.rev WHERE knowledge_favourite.acted_at <= excluded.acted_at";
    let values: [Value; 6] = [
        row.id.clone().into(),
        scope.person.to_string().into(),
        scope.organisation.to_string().into(),
        i64::from(keep).into(),
        acted_at.0.into(),
        write.next_rev().into(),
    ];
    write.exec(sql, values).await?;
    shown(write.tx(), scope, &row.id).await
}

/// Counts a reader, once a day by the organisation's calendar. It changes no revision.
pub(super) async fn read(write: &Write, scope: &Scope, id: &str, read_at: UnixMs) -> ApiResult<ArticleUse> {
    let row = shown(write.tx(), scope, id).await?;
    let organisation = policy::organisation(write.tx(), scope.organisation).await?;
    let zone = organisation.map_or(chrono_tz::Asia::Shanghai, |o| o.zone());
    let sql = "INSERT INTO knowledge_view (article_id, day, person_id, organisation_id) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING";
    let values: [Value; 4] = [
        row.id.clone().into(),
        day(read_at, zone).into(),
        scope.person.to_string().into(),
        scope.organisation.to_string().into(),
    ];
    if write.exec(sql, values).await?.rows_affected() > 0 {
        let sql = "UPDATE knowledge_article SET views = views + 1 WHERE id = $1";
        write.exec(sql, [row.id.clone().into()]).await?;
    }
    let sql = "SELECT views FROM knowledge_article WHERE id = $1";
    let views = number(write.tx(), sql, [row.id.clone().into()]).await?;
    let id = ArticleId::parse(&row.id).map_err(|_| missing())?;
    Ok(ArticleUse { id, views: u32::try_from(views).unwrap_or(u32::MAX) })
}

/// `20260302`.
pub(super) fn day(at: UnixMs, zone: chrono_tz::Tz) -> i64 {
    let local = zone.timestamp_millis_opt(at.0).earliest();
    local.map_or(0, |t| i64::from(t.year()) * 10_000 + i64::from(t.month()) * 100 + i64::from(t.day()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_one_of_the_organisation() {
        // 2026-03-01T16:00Z
        let at = UnixMs(1_772_380_800_000);
        assert_eq!(day(at, chrono_tz::Asia::Shanghai), 20_260_302);
        assert_eq!(day(at - 1, chrono_tz::Asia::Shanghai), 20_260_301);
        assert_eq!(day(at, chrono_tz::UTC), 20_260_301);
    }
}
