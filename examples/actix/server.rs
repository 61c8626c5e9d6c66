//! An echo server of actix-web, at `ws://127.0.0.1:9001/ws`.

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bowstring::Error;
use bowstring::server::{Server, ServerConnection, ServerHandle};
use bowstring_actix::upgrade;

async fn echo(mut ws: ServerConnection) -> Result<(), Error> {
    while let Some(message) = ws.recv().await? {
        ws.feed(message).await?;
    }
    Ok(())
}

async fn ws(
    request: HttpRequest,
    payload: web::Payload,
    server: web::Data<ServerHandle>,
) -> actix_web::Result<HttpResponse> {
    upgrade(&request, payload, &server, echo)
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    // Its listeners are actix's; its limits, deadlines and drain are bowstring's.
    let server = Server::new().handle();
    let data = web::Data::new(server.clone());
    let http =
        HttpServer::new(move || App::new().app_data(data.clone()).route("/ws", web::get().to(ws)))
            .bind(("127.0.0.1", 9001))?
            .disable_signals()
            .run();
    let handle = http.handle();
    actix_web::rt::spawn(async move {
        tokio::signal::ctrl_c().await.expect("a handler of signals");
        // WebSockets get a close frame with 1001, and actix ends after them.
        server.drain();
        println!("{:?}", server.drained().await);
        handle.stop(true).await;
    });
    http.await
}
