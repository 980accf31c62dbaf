use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use super::*;
use jobhost_model::Timestamp;
use jobhost_store::MemoryStore;

struct TestClock(AtomicU64);

impl TestClock {
    fn advance(&self, seconds: u64) {
        self.0.fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }
}

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.0.load(Ordering::SeqCst))
    }
}

struct Bench {
    access: Access,
    clock: Arc<TestClock>,
    store: Arc<dyn DocumentStore>,
}

const CHEAP: AccessOptions = AccessOptions {
    operation_token_seconds: 100,
    refresh_token_seconds: 1000,
    hash_cost: HashCost { memory_kib: 8, passes: 1 },
    hashes_at_once: 1,
    computing: None,
};

async fn open(store: &Arc<dyn DocumentStore>, clock: &Arc<TestClock>, key: &[u8]) -> Access {
    let key = SigningKey::from_bytes(key.to_vec()).unwrap();
    let admin = || Ok(FirstAdmin { username: "boss".to_owned(), password: "secret".to_owned() });
    Access::open(Arc::clone(store), Arc::<TestClock>::clone(clock), &key, CHEAP, admin).await.unwrap()
}

async fn bench() -> Bench {
    let clock = Arc::new(TestClock(AtomicU64::new(1_700_000_000_000_000)));
    let store: Arc<dyn DocumentStore> = Arc::new(MemoryStore::new(Arc::<TestClock>::clone(&clock), 1 << 30));
    let access = open(&store, &clock, &[7; 32]).await;
    Bench { access, clock, store }
}

impl Bench {
    async fn add(&self, username: &str, role: &str, active: bool) -> Result<(), AccessError> {
        let (username, role) = (username.to_owned(), role.to_owned());
        self.access.add_user(NewUser { username, password: "pw".to_owned(), role, active }).await
    }

    async fn add_role(&self, name: &str) {
        let permission = json!({"super_user": false}).as_object().unwrap().clone();
        self.access.add_role(RoleRequest { id: None, role: Some(name.to_owned()), permission }).await.unwrap();
    }

    async fn login(&self, username: &str, password: &str) -> Result<String, AuthenticationError> {
        self.access.authenticate_basic(username, password, None).await.map(|user| user.username)
    }
}

fn failed<T>(result: Result<T, AccessError>) -> (AccessErrorKind, String) {
    let error = result.err().unwrap();
    (error.kind, error.message)
}

#[tokio::test]
async fn only_the_first_start_creates_the_administrator() {
    let bench = bench().await;
    assert_eq!(bench.login("boss", "secret").await, Ok("boss".to_owned()));
    assert!(bench.access.user("boss").unwrap().role.is_super_user());
    let key = SigningKey::from_bytes(vec![7; 32]).unwrap();
    let never = || -> Result<FirstAdmin, AccessError> { panic!("asked for an administrator although there is one") };
    let again = Access::open(Arc::clone(&bench.store), Arc::<TestClock>::clone(&bench.clock), &key, CHEAP, never).await;
    assert_eq!(again.unwrap().users().len(), 1);
}

#[tokio::test]
async fn wrong_passwords_and_unknown_users_get_the_same_error() {
    let bench = bench().await;
    for (username, password) in [("boss", "wrong"), ("boss", ""), ("ghost", "secret"), ("", ""), ("BOSS", "secret")] {
        assert_eq!(bench.login(username, password).await, Err(AuthenticationError::LoginFailed));
    }
    bench.add("idle", SUPER_USER_ROLE, false).await.unwrap();
    assert_eq!(bench.login("idle", "pw").await, Err(AuthenticationError::Inactive));
    assert_eq!(
        bench.login("idle", "wrong").await,
        Err(AuthenticationError::LoginFailed),
        "inactive or not is told to nobody else"
    );
}

#[tokio::test]
async fn a_changed_password_invalidates_cached_logins() {
    let bench = bench().await;
    bench.add("bob", SUPER_USER_ROLE, true).await.unwrap();
    for _ in 0..2 {
        assert!(bench.login("bob", "pw").await.is_ok());
    }
    let new = UserChange { password: Some("other".to_owned()), ..UserChange::default() };
    bench.access.alter_user("bob", new).await.unwrap();
    assert_eq!(bench.login("bob", "pw").await, Err(AuthenticationError::LoginFailed));
    assert!(bench.login("bob", "other").await.is_ok());
    bench.access.alter_user("bob", UserChange { active: Some(false), ..UserChange::default() }).await.unwrap();
    assert_eq!(bench.login("bob", "other").await, Err(AuthenticationError::Inactive));
    bench.access.drop_user("bob").await.unwrap();
    assert_eq!(bench.login("bob", "other").await, Err(AuthenticationError::LoginFailed));
}

#[tokio::test]
async fn tokens_expire_on_time_and_are_valid_for_one_use_only() {
    let bench = bench().await;
    let boss = bench.access.user("boss").unwrap();
    let TokenPair { operation_token, refresh_token } = bench.access.create_tokens(&boss).unwrap();
    let check = |token: &str, wanted| bench.access.authenticate_token(token, wanted).map(|user| user.username);
    assert_eq!(check(&operation_token, TokenUse::Operation), Ok("boss".to_owned()));
    assert_eq!(check(&refresh_token, TokenUse::Refresh), Ok("boss".to_owned()));
    assert_eq!(check(&refresh_token, TokenUse::Operation), Err(AuthenticationError::InvalidToken));
    assert_eq!(check(&operation_token, TokenUse::Refresh), Err(AuthenticationError::InvalidToken));
    bench.clock.advance(99);
    assert!(check(&operation_token, TokenUse::Operation).is_ok());
    bench.clock.advance(1);
    assert_eq!(check(&operation_token, TokenUse::Operation), Err(AuthenticationError::TokenExpired));
    assert!(check(&refresh_token, TokenUse::Refresh).is_ok());
}

#[tokio::test]
async fn forged_tokens_are_invalid() {
    let bench = bench().await;
    let boss = bench.access.user("boss").unwrap();
    let good = bench.access.create_tokens(&boss).unwrap().operation_token;
    let other = open(&bench.store, &bench.clock, &[8; 32]).await;
    let (head, signature) = good.rsplit_once('.').unwrap();
    let claims = head.split_once('.').unwrap().1;
    // `{"typ":"JWT","alg":"none"}`
    let unsigned = format!("eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIn0.{claims}.");
    for token in [
        other.create_tokens(&boss).unwrap().operation_token,
        unsigned,
        format!("{head}."),
        format!("{head}.x{signature}"),
        String::new(),
    ] {
        let found = bench.access.authenticate_token(&token, TokenUse::Operation).map(|user| user.username);
        assert_eq!(found, Err(AuthenticationError::InvalidToken), "{token}");
    }
}

#[tokio::test]
async fn tokens_are_invalid_after_the_account_or_its_password_changed() {
    let bench = bench().await;
    bench.add("bob", SUPER_USER_ROLE, true).await.unwrap();
    let token = || bench.access.create_tokens(&bench.access.user("bob").unwrap()).unwrap().operation_token;
    let check = |token: &str| bench.access.authenticate_token(token, TokenUse::Operation).map(|user| user.username);
    let first = token();
    bench.access.alter_user("bob", UserChange { active: Some(false), ..UserChange::default() }).await.unwrap();
    assert_eq!(check(&first), Err(AuthenticationError::Inactive));
    bench.access.alter_user("bob", UserChange { active: Some(true), ..UserChange::default() }).await.unwrap();
    assert!(check(&first).is_ok());
    let new = UserChange { password: Some("other".to_owned()), ..UserChange::default() };
    bench.access.alter_user("bob", new).await.unwrap();
    assert_eq!(check(&first), Err(AuthenticationError::InvalidToken));
    let second = token();
    bench.access.drop_user("bob").await.unwrap();
    assert_eq!(check(&second), Err(AuthenticationError::InvalidToken));
    bench.add("bob", SUPER_USER_ROLE, true).await.unwrap();
    assert_eq!(check(&second), Err(AuthenticationError::InvalidToken), "another account of the same name");
}

#[tokio::test]
async fn the_last_active_super_user_cannot_be_removed() {
    let bench = bench().await;
    bench.add_role("plain").await;
    let conflict = |result| assert_eq!(failed(result).0, AccessErrorKind::Conflict);
    let change = |change| bench.access.alter_user("boss", change);
    conflict(bench.access.drop_user("boss").await);
    conflict(change(UserChange { active: Some(false), ..UserChange::default() }).await);
    conflict(change(UserChange { role: Some("plain".to_owned()), ..UserChange::default() }).await);
    let powerless = RoleRequest { id: Some(SUPER_USER_ROLE.to_owned()), role: None, permission: Map::new() };
    conflict(bench.access.alter_role(powerless).await.map(|_| ()));
    bench.add("idle", SUPER_USER_ROLE, false).await.unwrap();
    conflict(bench.access.drop_user("boss").await);
    bench.add("deputy", SUPER_USER_ROLE, true).await.unwrap();
    bench.access.drop_user("boss").await.unwrap();
    conflict(bench.access.drop_user("deputy").await);
}

#[tokio::test]
async fn roles_in_use_cannot_be_dropped() {
    let bench = bench().await;
    bench.add_role("plain").await;
    bench.add("bob", "plain", true).await.unwrap();
    let refused = failed(bench.access.drop_role("plain").await);
    assert_eq!(refused.1, "Cannot drop role plain as it has active user(s) tied to this role");
    bench.access.alter_user("bob", UserChange { active: Some(false), ..UserChange::default() }).await.unwrap();
    assert_eq!(failed(bench.access.drop_role("plain").await).0, AccessErrorKind::Conflict);
    bench.access.drop_user("bob").await.unwrap();
    assert_eq!(bench.access.drop_role("plain").await.unwrap(), "plain");
    assert_eq!(failed(bench.access.drop_role("plain").await), (AccessErrorKind::NotFound, "Role not found".to_owned()));
}

#[tokio::test]
async fn errors_have_harpers_messages() {
    let bench = bench().await;
    bench.add_role("plain").await;
    bench.add("bob", "plain", true).await.unwrap();
    let kind = AccessErrorKind::Conflict;
    assert_eq!(failed(bench.add("bob", "plain", true).await), (kind, "User bob already exists".to_owned()));
    assert_eq!(failed(bench.add("x", "zzz", true).await), (AccessErrorKind::NotFound, "zzz role not found".to_owned()));
    assert_eq!(failed(bench.access.drop_user("ghost").await).1, "User ghost does not exist");
    let nothing = bench.access.alter_user("bob", UserChange::default()).await;
    assert_eq!(failed(nothing).1, "nothing to update, must supply active, role or password to update");
    for name in ["", " ", "a:b", "a\nb", &"x".repeat(251)] {
        assert_eq!(failed(bench.add(name, "plain", true).await).0, AccessErrorKind::Invalid, "{name}");
    }
}

#[tokio::test]
async fn users_and_roles_survive_a_restart() {
    let bench = bench().await;
    bench.add_role("plain").await;
    bench.add("bob", "plain", true).await.unwrap();
    let token = bench.access.create_tokens(&bench.access.user("bob").unwrap()).unwrap().operation_token;
    let again = open(&bench.store, &bench.clock, &[7; 32]).await;
    assert_eq!(again.users().len(), 2);
    assert_eq!(again.authenticate_basic("bob", "pw", None).await.unwrap().role.name, "plain");
    assert!(again.authenticate_token(&token, TokenUse::Operation).is_ok());
}

#[tokio::test]
async fn a_burst_of_logins_is_rejected_once_the_queue_is_full() {
    let bench = bench().await;
    let attempts = futures::future::join_all((0..500).map(|_| bench.login("boss", "wrong"))).await;
    let busy = attempts.iter().filter(|attempt| **attempt == Err(AuthenticationError::Busy)).count();
    assert!(busy > 0 && busy < 500, "{busy}");
    assert!(attempts.iter().all(Result::is_err));
    assert!(bench.login("boss", "secret").await.is_ok());
}

#[tokio::test]
async fn a_flood_of_wrong_passwords_does_not_block_another_users_first_login() {
    let bench = bench().await;
    bench.add("bob", SUPER_USER_ROLE, true).await.unwrap();
    let login = |number: u32| {
        let name = if number.is_multiple_of(2) { "boss".to_owned() } else { format!("ghost {number}") };
        let bench = &bench;
        async move { bench.login(&name, "wrong").await }
    };
    let storm = futures::future::join_all((0..300).map(login));
    let (storm, bob) = futures::join!(storm, bench.login("bob", "pw"));
    assert_eq!(bob, Ok("bob".to_owned()));
    assert!(storm.iter().all(Result::is_err));
}

#[tokio::test]
async fn changing_one_account_keeps_the_cached_logins_of_others() {
    let bench = bench().await;
    bench.add("bob", SUPER_USER_ROLE, true).await.unwrap();
    assert!(bench.login("boss", "secret").await.is_ok());
    // From here on, nobody gets a turn.
    let permit = bench.access.passwords.occupy().await;
    bench.access.alter_user("bob", UserChange { active: Some(false), ..UserChange::default() }).await.unwrap();
    bench.add_role("plain").await;
    assert!(bench.login("boss", "secret").await.is_ok(), "remembered");
    drop(permit);
    bench.access.drop_user("bob").await.unwrap();
    bench.add("bob", SUPER_USER_ROLE, true).await.unwrap();
    assert!(bench.login("bob", "wrong").await.is_err());
}
