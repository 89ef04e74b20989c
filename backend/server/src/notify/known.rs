//! What many calls of one round ask for alike: read once a round, in its transaction.

use super::engine::Round;
use crate::org::policy::organisation;
use crate::store::{StoreError, one};
use sea_orm::FromQueryResult;
use std::collections::HashMap;
use std::sync::Arc;
use waybell_domain::dial::policy::Policy;
use waybell_domain::id::OrganisationId;

/// The rules of an organisation.
pub(crate) struct Rules {
    /// The policy; damage is an error, never a default, because a default could call at night.
    pub policy: Result<Policy, StoreError>,
    pub zone: chrono_tz::Tz,
    /// Text messages may be sent.
    pub text_messages: bool,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Known {
    rules: HashMap<OrganisationId, Option<Arc<Rules>>>,
    messages: HashMap<(OrganisationId, String), Option<Arc<str>>>,
}

#[derive(FromQueryResult)]
struct Text {
    message: String,
}

impl Round {
    /// The rules of an organisation.
    pub(crate) async fn rules(&mut self, id: OrganisationId) -> Result<Option<Arc<Rules>>, StoreError> {
        if let Some(known) = self.known.rules.get(&id) {
            return Ok(known.clone());
        }
        let rules = organisation(self.write.tx(), id).await?.map(|org| {
            Arc::new(Rules { policy: org.policy(), zone: org.zone(), text_messages: org.text_messages != 0 })
        });
        self.known.rules.insert(id, rules.clone());
        Ok(rules)
    }

    /// The text message of a template, with its variables still in it.
    pub(crate) async fn message(
        &mut self,
        organisation: OrganisationId,
        template: &str,
    ) -> Result<Option<Arc<str>>, StoreError> {
        let key = (organisation, template.to_owned());
        if let Some(known) = self.known.messages.get(&key) {
            return Ok(known.clone());
        }
        let sql = "SELECT message FROM template WHERE organisation_id = $1 AND key = $2";
        let row: Option<Text> =
            one(self.write.tx(), sql, [organisation.to_string().into(), template.into()]).await?;
        let message: Option<Arc<str>> = row.map(|r| r.message.into());
        self.known.messages.insert(key, message.clone());
        Ok(message)
    }
}
