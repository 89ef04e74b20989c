//! The numbers that recipients see.

use crate::dial::health::{NumberHealth, Reception};
use serde::{Deserialize, Serialize};

/// A number that recipients may see.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DisplayNumberView {
    /// The number as the trunk is set up with it.
    #[cfg_attr(feature = "openapi", schema(example = "+862131001234"))]
    pub number: String,
    /// Trunks that may show it.
    pub trunks: Vec<String>,
    /// What this organisation's calls of the last three days came to.
    pub reception: Reception,
    /// What is to be thought of it. With a suspect number the dialler shows another where there is one, but for batches
    /// that ask for it.
    pub health: NumberHealth,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_travels() {
        let view = DisplayNumberView {
            number: "+862131001234".into(),
            trunks: vec!["main".into()],
            reception: Reception { offered: 60, answered: 3, hung_up: 1, refused: 0 },
            health: NumberHealth::Unanswered,
        };
        insta::assert_snapshot!(serde_json::to_string(&view).unwrap(), @r#"{"number":"+862131001234","trunks":["main"],"reception":{"offered":60,"answered":3,"hung_up":1,"refused":0},"health":"unanswered"}"#);
    }
}
