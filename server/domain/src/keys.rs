use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, Mac};
use model::{ClaimCode, ConversationId};
use sha2::{Digest, Sha256};

/// What is derived from the installation's secret: codes and links that can be shown again without being stored.
#[derive(Clone)]
pub struct Keys {
    secret: Vec<u8>,
}

impl Keys {
    pub fn new(secret: Vec<u8>) -> Keys {
        Keys { secret }
    }

    /// HMAC-SHA256 over the purpose and the subject. The purpose keeps one kind of link from being taken for another.
    fn derive(&self, purpose: &str, subject: &str) -> [u8; 32] {
        // A key of any length is accepted (RFC 2104), so there is no error to meet.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.secret) else { return [0; 32] };
        mac.update(purpose.as_bytes());
        mac.update(b"\0");
        mac.update(subject.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// 128 bits in lower-case base 32, to follow a subject's id in a link.
    pub fn sign(&self, purpose: &str, subject: &str) -> String {
        BASE32_NOPAD.encode(&self.derive(purpose, subject)[..16]).to_lowercase()
    }

    /// Whether `signature` is [`Keys::sign`]'s, compared in constant time.
    pub fn is_signed(&self, purpose: &str, subject: &str, signature: &str) -> bool {
        let expected = self.sign(purpose, subject);
        expected.len() == signature.len() && expected.bytes().zip(signature.bytes()).fold(0, |d, (a, b)| d | (a ^ b)) == 0
    }

    /// What an authenticator app and this installation have in common.
    pub fn authenticator(&self, subject: &str) -> [u8; 20] {
        let mut secret = [0; 20];
        secret.copy_from_slice(&self.derive("authenticator", subject)[..20]);
        secret
    }

    /// The claim code of a conversation; a higher version replaces it.
    pub fn claim_code(&self, conversation: ConversationId, version: i64) -> ClaimCode {
        let derived = self.derive("claim", &format!("{conversation}.{version}"));
        let mut bits = [0; ClaimCode::LENGTH];
        bits.copy_from_slice(&derived[..ClaimCode::LENGTH]);
        ClaimCode::from_bits(bits)
    }

    /// How secrets are kept: SHA-256. They are random and long, so neither salt nor slowness is needed.
    pub fn hash(secret: &str) -> Vec<u8> {
        Sha256::digest(secret.as_bytes()).to_vec()
    }
}
