//! `/api/v1/trunks`: whether calls can go out at all.
//!
//! The trunks are the server's, and the same for each organisation on it; how they are reached and what they hold is its
//! operator's matter, so that nothing but a name and a state is shown.

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::ApiResult;
use axum::Json;
use axum::extract::State;
use waybell_domain::wire::{TrunkLife, TrunkView};
use waybell_switch::TrunkLife as Life;

/// How the trunks stand, in the order of the settings. Where the best is `down`, nobody is rung; where there is none, neither.
#[utoipa::path(get, path = "/api/v1/trunks", tag = "numbers", security(("bearer" = [])),
    responses((status = 200, body = [TrunkView])))]
pub async fn list_trunks(State(app): State<Shared>, _signed: Signed) -> ApiResult<Json<Vec<TrunkView>>> {
    let view = |t: waybell_switch::TrunkState| TrunkView {
        name: t.name,
        life: match t.life {
            Life::Up => TrunkLife::Up,
            Life::Unproven => TrunkLife::Unproven,
            Life::Down => TrunkLife::Down,
        },
        unresolved: t.unresolved,
        unregistered: t.unregistered,
    };
    Ok(Json(app.switch.trunks().into_iter().map(view).collect()))
}
