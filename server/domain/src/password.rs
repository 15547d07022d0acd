//! Passwords, kept as argon2id hashes.

use crate::Random;
use argon2::{
    Argon2,
    password_hash::{Error, PasswordHash, PasswordHasher, PasswordVerifier, SaltString},
};

/// Hashes with OWASP's parameters: argon2id, 19 MiB, two passes, one lane. Takes tens of milliseconds: call it off the async threads.
pub fn hash(random: &Random, password: &str) -> Result<String, Error> {
    let salt = SaltString::encode_b64(&random.bytes::<16>())?;
    Ok(Argon2::default().hash_password(password.as_bytes(), &salt)?.to_string())
}

/// Whether this password made the hash.
pub fn is_right(password: &str, hash: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_known_again_and_no_other() {
        let random = Random::seeded(1);
        let kept = hash(&random, "七只小羊过河去").unwrap();
        assert!(kept.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{kept}");
        assert!(is_right("七只小羊过河去", &kept));
        assert!(!is_right("七只小羊过河来", &kept));
        assert!(!is_right("七只小羊过河去", "not a hash"));
        assert_ne!(hash(&random, "七只小羊过河去").unwrap(), kept);
    }
}
