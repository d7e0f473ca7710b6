//! LOGOUT (RFC 3501 §6.1.3).

use super::super::wire::Connection;

/// Says goodbye and hangs up without waiting for the answer, which would cost a round trip and tell nothing.
pub(in super::super) async fn run(connection: &mut Connection) {
    if connection.begin("LOGOUT").is_ok() {
        connection.queue_tag();
        connection.queue(b"LOGOUT\r\n");
        let _ = connection.flush().await;
    }
    connection.shutdown().await;
}
