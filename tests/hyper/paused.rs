//! Handlers that do not read, and the others on the same connection of HTTP/2.

use bowstring::Message;
use bowstring_testing::frames::client_frame;

use super::support::*;

/// h2 ends the connection with all its sockets if some 2,500 DATA frames of 20 bytes are not read (with hyper's
/// windows). While a handler pauses, somebody else reads them.
#[tokio::test]
async fn small_frames_to_a_paused_handler_do_not_end_the_connection() {
    let (near, mut sockets) = handed_over();
    let mut client = Client::new(near).await;
    let mut stream = client.open().await;
    let mut paused = sockets.recv().await.unwrap();
    // It has received before, and then does something else.
    stream.send(client_frame(0x82, [0; 14]));
    assert_eq!(paused.recv().await.unwrap(), Some(Message::binary(vec![0; 14])));
    for n in 0..3000_u32 {
        if n % 500 == 0 {
            // Not all in one read of h2: then nobody could take them in time.
            client.settle().await;
        }
        stream.send_all(client_frame(0x82, [n.to_be_bytes().as_slice(), &[0; 10]].concat())).await;
    }
    let mut other = client.open().await;
    let ws = sockets.recv().await.unwrap();
    tokio::spawn(echo(ws));
    other.echo("alive").await;
    // All have come, in order.
    for n in 0..3000_u32 {
        let message = paused.recv().await.unwrap().expect("a message");
        assert_eq!(message.as_bytes()[..4], n.to_be_bytes());
    }
}
