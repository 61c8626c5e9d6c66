//! Who may connect: Basic or Bearer credentials at the handshake, from your own pages.
//!
//! `cargo run --example auth`, then open http://127.0.0.1:9001/ as `ada` with the password `lovelace`;
//! or `curl -i http://127.0.0.1:9001/`.

use bowstring::server::{Accept, Answer, Origins, Request, Server, ServerConnection, same_secret};
use bowstring::{Error, Message};
use http::{HeaderValue, StatusCode};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:9001".to_owned());
    let server = Server::bind(address).await?.on_request(authenticate);
    let mut pages = vec!["https://app.example.com".to_owned()];
    for address in server.local_addrs() {
        println!("listening on http://{address}/");
        pages.push(format!("http://{address}"));
    }
    // Pages that live elsewhere must be listed; without this, those of the same host may connect.
    let origins = Origins::list(pages).expect("each is an origin");
    server.origins(origins).serve(greet).await;
    Ok(())
}

/// Looked up where users are kept, which may take its time.
async fn authenticate(request: Request) -> Result<Accept<String>, Answer> {
    let by_password = request.basic().filter(|basic| basic.is("ada", "lovelace"));
    let by_token = request.bearer().is_some_and(|token| same_secret(token, "a-long-random-token"));
    let user = match by_password {
        Some(basic) => basic.user,
        None if by_token => "a machine".to_owned(),
        None => {
            let challenge = HeaderValue::from_static("Basic realm=\"bowstring\"");
            return Err(Answer::unauthorized(challenge));
        }
    };
    if request.wants_upgrade() {
        Ok(Accept::new(user))
    } else {
        // The browser sends the same credentials when the page connects back.
        Err(Answer::new(StatusCode::OK).html(PAGE))
    }
}

async fn greet(mut connection: ServerConnection<String>) -> Result<(), Error> {
    let hello = format!("hello, {}", connection.data);
    connection.send(hello).await?;
    while let Some(message) = connection.recv().await? {
        if let Message::Text(text) = message {
            connection.send(format!("you said {text}")).await?;
        }
    }
    Ok(())
}

const PAGE: &str = r#"<!doctype html>
<title>auth</title>
<pre></pre>
<script>
  const ws = new WebSocket(`ws://${location.host}/`)
  ws.onopen = () => ws.send("this came from a page")
  ws.onmessage = (event) => document.querySelector("pre").append(event.data, "\n")
</script>
"#;
