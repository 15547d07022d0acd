//! Passwords: argon2id with the parameters OWASP recommends (19 MiB, two passes, one lane), off the async threads.

use crate::Domain;
use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};
use store::{Error, Result};
use tokio::{sync::Semaphore, task::spawn_blocking};

/// Each hash takes 19 MiB and a whole core: more at once would only make everything else wait.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// A hash that no password has, at the cost of a real one.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LW5vYm9keS1ub2I$WnFo0kqP3cU9u1oXl6Gm8bUuYw1mYxw0n7Yt2Jk5s3E";

fn argon() -> Argon2<'static> {
    // The constants are within argon2's bounds; its own defaults are the same three numbers.
    let params = Params::new(19456, 2, 1, None).unwrap_or_default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The PHC string to keep.
pub(crate) async fn hash(domain: &Domain, password: &str) -> Result<String> {
    let (salt, password) = (domain.random.bytes::<16>(), password.to_owned());
    let _turn = AT_ONCE.acquire().await.map_err(|_| Error::Stopped)?;
    let hashed = spawn_blocking(move || {
        let salt = SaltString::encode_b64(&salt).ok()?;
        argon().hash_password(password.as_bytes(), &salt).ok().map(|h| h.to_string())
    });
    hashed.await.ok().flatten().ok_or(Error::Stopped)
}

/// Whether the password is the one that was hashed. Without a hash it takes as long and says no, so that time does not tell who has a login.
pub(crate) async fn verify(password: &str, hash: Option<String>) -> bool {
    let password = password.to_owned();
    let Ok(_turn) = AT_ONCE.acquire().await else { return false };
    let verified = spawn_blocking(move || {
        let is_somebody = hash.is_some();
        let kept = hash.unwrap_or_else(|| NOBODY.to_owned());
        let Ok(parsed) = PasswordHash::new(&kept) else { return false };
        argon().verify_password(password.as_bytes(), &parsed).is_ok() && is_somebody
    });
    verified.await.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_nobody_costs_as_much_as_a_real_hash() {
        let real = argon().hash_password(b"x", &SaltString::encode_b64(&[1; 16]).unwrap()).unwrap().to_string();
        let costs = |phc: &str| phc.split('$').take(4).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(costs(&real), costs(NOBODY));
        assert!(PasswordHash::new(NOBODY).is_ok());
    }
}
