//! Who did what: append-only rows, written in the transaction of the deed.

use crate::store::{StoreError, Write};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{EventId, OrganisationId, UserId};

/// Records a deed. `subject` is an id, `detail` free text without personal data.
pub async fn record(
    write: &Write,
    organisation: Option<OrganisationId>,
    person: Option<UserId>,
    now: UnixMs,
    action: &str,
    subject: &str,
    detail: &str,
) -> Result<(), StoreError> {
    write
        .exec(
            "INSERT INTO audit (id, organisation_id, person_id, at, action, subject, detail) VALUES ($1, $2, $3, $4, $5, $6, $7)",
            [
                EventId::at(now, rand::random()).to_string().into(),
                organisation.map(|o| o.to_string()).into(),
                person.map(|p| p.to_string()).into(),
                now.0.into(),
                action.into(),
                subject.into(),
                detail.into(),
            ],
        )
        .await?;
    Ok(())
}
