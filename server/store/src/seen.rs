//! What contacts have seen. Every page of a conversation that shows something new says so, so all that wait at the same moment share one statement.

use crate::{Conn, Result, conn::*};
use model::ConversationId;

/// The contact has seen everything up to `seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub conversation_id: ConversationId,
    pub seq: i64,
}

/// Never takes back what was seen before; a conversation may come more than once.
pub async fn mark(conn: &mut Conn, seen: &[Seen]) -> Result<()> {
    let pairs: Vec<(String, i64)> = seen.iter().map(|s| (s.conversation_id.to_string(), s.seq)).collect();
    let batch = serde_json::to_string(&pairs)?;
    let text = match conn.either() {
        Either::Sqlite(_) => {
            "with n as (select unhex(value ->> 0) as id, max(value ->> 1) as seq from json_each($1) group by 1)
             update conversations set contact_seen_seq = n.seq from n where conversations.id = n.id and contact_seen_seq < n.seq"
        }
        // In the order in which everybody else holds them.
        Either::Postgres(_) => {
            "with n as (select (value ->> 0)::uuid as id, max((value ->> 1)::bigint) as seq from jsonb_array_elements($1::jsonb) group by 1),
                held as (select c.id, n.seq from conversations c join n on n.id = c.id order by c.id for update of c)
             update conversations set contact_seen_seq = held.seq from held where conversations.id = held.id and contact_seen_seq < held.seq"
        }
    };
    execute!(conn, text, batch).map(|_| ())
}
