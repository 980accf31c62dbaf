use super::*;
use crate::client::{Client, Login};
use crate::web::{Page, Web};

#[test]
fn both_servers_store_objects() {
    for server in [S3Server::strict(), S3Server::lenient(), S3Server::guarded()] {
        server.put("a/b.csv", "id\n1\n");
        assert_eq!(server.get("a/b.csv").expect("the object").bytes, b"id\n1\n");
        assert_eq!(server.get("nothing"), None);
        assert_eq!(server.keys(), ["a/b.csv"]);
        assert_eq!(server.unfinished_uploads(), 0);
    }
}

#[test]
fn a_proxy_passes_truncates_refuses_and_records_requests() {
    let server = Web::start();
    server.page("/x", Page::csv("0123456789"));
    let proxy = Proxy::start(&server.address(), |asked| match asked.before {
        0 => Act::Pass,
        1 => Act::Cut(4),
        2 => Act::Refuse(503),
        _ => Act::Drop,
    });
    let client = Client::new(&proxy.endpoint(), Login::Nobody);
    let get = || client.request(&Login::Nobody, "GET", "/x", None, b"");
    assert_eq!(get().expect("an answer").text, "0123456789");
    assert!(get().is_err());
    assert_eq!(get().expect("an answer").status, 503);
    assert!(get().is_err());
    assert!(proxy.asked().len() >= 4 && proxy.asked()[0].reads("x"));
}
