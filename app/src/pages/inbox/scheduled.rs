//! `/inbox/{id}/scheduled/{sid}/cancel`: a reply that waits for its hour is not sent after all.

use super::show::{Shown, mistake, page};
use crate::{
    error::AppError,
    visit::{SignedIn, Visit},
};
use axum::{extract::Path, http::StatusCode, response::Response};
use domain::desk;
use model::{ConversationId, ScheduledReplyId};

pub async fn cancel(visit: Visit, SignedIn(staff): SignedIn, Path((id, reply)): Path<(ConversationId, ScheduledReplyId)>) -> Result<Response, AppError> {
    match desk::cancel_scheduled(&visit.app.domain, &staff, id, reply).await {
        // Back into the box, where it can be changed.
        Ok(text) => page(&visit.on(format!("/inbox/{id}")), &staff, id, Shown { text, ..Shown::new(&visit) }).await,
        Err(e) => {
            let error = mistake(visit.language, e)?;
            let visit = visit.on(format!("/inbox/{id}"));
            page(&visit, &staff, id, Shown { status: StatusCode::CONFLICT, error: Some(error), ..Shown::new(&visit) }).await
        }
    }
}
