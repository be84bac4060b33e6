//! Attacks on the admission token alone.

use super::*;

/// HS256 keys and whoever stole them: signs whatever JSON text it is given.
struct Thief {
    keys: Keyring,
    secret: Secret,
    header: Value,
    claims: Value,
}

impl Thief {
    fn new() -> Self {
        let files = files_of(NOON, AdmissionAlgorithm::Hs256);
        let keys = Keyring::read(&files).unwrap();
        let (header, claims, _) = parts(&keys);
        let secret = Secret::parse(&files[1].text).unwrap();
        Self {
            keys,
            secret,
            header,
            claims,
        }
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", sealed(header), sealed(claims));
        let tag: [u8; 32] = self
            .secret
            .hmac()
            .chain_update(&message)
            .finalize()
            .into_bytes()
            .into();
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    /// What becomes of a token whose claim `name` is the JSON text `value`.
    fn claim(&self, name: &str, value: &str) -> Result<Admission, TokenRefused> {
        let mut claims = self.claims.clone();
        claims[name] = json!("HERE");
        let claims = claims.to_string().replace("\"HERE\"", value);
        verify(&self.keys, &self.sign(&self.header.to_string(), &claims))
    }

    /// What becomes of a token with this header.
    fn header(&self, header: &Value) -> Result<Admission, TokenRefused> {
        let token = self.sign(&header.to_string(), &self.claims.to_string());
        verify(&self.keys, &token)
    }
}

#[test]
fn the_thiefs_untouched_token_passes_so_that_the_other_tests_mean_something() {
    let thief = Thief::new();
    assert_eq!(thief.claim("rev", "1"), Ok(admission(&thief.keys)));
    assert_eq!(
        thief.header(&thief.header),
        Ok(admission(&thief.keys)),
        "and its header too"
    );
}

#[test]
fn t1_no_other_algorithm_than_the_keys_own() {
    let keys = keyring(AdmissionAlgorithm::EdDsa);
    let (header, claims, signature) = parts(&keys);
    for alg in [
        "none", "None", "nOnE", "NONE", "", "HS256", "HS512", "ES256", "RS256", "PS256", "eddsa",
        "EdDSA ", "Ed25519",
    ] {
        let mut header = header.clone();
        header["alg"] = json!(alg);
        let body = format!(
            "{}.{}",
            sealed(&header.to_string()),
            sealed(&claims.to_string())
        );
        for signature in ["", &signature] {
            let token = format!("{body}.{signature}");
            assert_eq!(verify(&keys, &token), Err(Refused::Algorithm), "{alg}");
        }
        assert_eq!(verify(&keys, &body), Err(Refused::Malformed), "{alg}");
    }
}

#[test]
fn t1_an_empty_signature_or_a_signature_of_zeros_is_refused() {
    for algorithm in [AdmissionAlgorithm::EdDsa, AdmissionAlgorithm::Hs256] {
        let keys = keyring(algorithm);
        let good = keys
            .sign_admission(&derby(), &admission(&keys), NOON)
            .unwrap();
        let (body, _) = good.rsplit_once('.').unwrap();
        for signature in [
            "",
            &URL_SAFE_NO_PAD.encode([0; 32]),
            &URL_SAFE_NO_PAD.encode([0; 64]),
        ] {
            let token = format!("{body}.{signature}");
            assert_eq!(verify(&keys, &token), Err(Refused::Signature));
        }
    }
}

#[test]
fn t1_hs256_signed_with_the_public_key_is_refused() {
    let keys = keyring(AdmissionAlgorithm::EdDsa);
    let (header, claims, _) = parts(&keys);
    let jwks = keys.jwks();
    let raw = URL_SAFE_NO_PAD
        .decode(jwks["keys"][0]["x"].as_str().unwrap())
        .unwrap();
    let mut spki = vec![0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];
    spki.extend_from_slice(&raw);
    let body = STANDARD.encode(&spki);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{body}\n-----END PUBLIC KEY-----\n");
    for secret in [&raw[..], &spki, pem.as_bytes(), pem.trim_end().as_bytes()] {
        for alg in [Algorithm::HS256, Algorithm::HS512] {
            let mut forged = Header::new(alg);
            forged.typ = Some("anteroom-admission+jwt".to_owned());
            forged.kid = Some(header["kid"].as_str().unwrap().to_owned());
            let token = encode(&forged, &claims, &EncodingKey::from_secret(secret)).unwrap();
            assert_eq!(verify(&keys, &token), Err(Refused::Algorithm));
        }
    }
}

#[test]
fn t2_a_kid_is_only_ever_looked_up_in_memory() {
    let thief = Thief::new();
    for kid in [
        "",
        "../../../../dev/null",
        "/dev/null",
        "' OR '1'='1",
        "20261201T100000Z",
        "20261201T100000Z\0",
        "https://evil.example/key",
        &"k".repeat(2_000),
    ] {
        let mut header = thief.header.clone();
        header["kid"] = json!(kid);
        assert_eq!(thief.header(&header), Err(Refused::UnknownKey), "{kid}");
    }
    let mut header = thief.header.clone();
    header["kid"] = json!("k".repeat(10_240));
    assert_eq!(thief.header(&header), Err(Refused::TooLong));
    for kid in [json!(null), json!(7), json!(["a"]), json!({})] {
        header["kid"] = kid;
        assert_eq!(thief.header(&header), Err(Refused::Header));
    }
}

#[test]
fn t2_a_header_with_anything_more_or_less_is_refused() {
    let thief = Thief::new();
    for (name, value) in [
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("jwk", json!({"kty": "oct", "k": "AAAA"})),
        ("x5c", json!(["AAAA"])),
        ("x5t", json!("AAAA")),
        ("crit", json!([])),
        ("crit", json!(["exp"])),
        ("zip", json!("DEF")),
        ("enc", json!("A256GCM")),
        ("cty", json!("JWT")),
        ("b64", json!(false)),
        ("jku", json!(null)),
        ("typ", json!("JWT")),
        ("typ", json!("anteroom-queue+jwt")),
        ("typ", json!("Anteroom-Admission+JWT")),
        ("typ", json!(null)),
    ] {
        let mut header = thief.header.clone();
        header[name] = value;
        assert_eq!(thief.header(&header), Err(Refused::Header), "{name}");
    }
    for name in ["typ", "alg", "kid"] {
        let mut header = thief.header.clone();
        header.as_object_mut().unwrap().remove(name);
        assert_eq!(thief.header(&header), Err(Refused::Header), "no {name}");
        let twice = thief.header.to_string().replacen(
            '{',
            &format!("{{\"{name}\":{},", thief.header[name]),
            1,
        );
        let token = thief.sign(&twice, &thief.claims.to_string());
        assert_eq!(verify(&thief.keys, &token), Err(Refused::Header), "{twice}");
    }
}

#[test]
fn t3_claims_of_another_type_are_refused() {
    let thief = Thief::new();
    for name in ["iat", "nbf", "exp", "rev"] {
        for value in [
            "\"never\"",
            "\"1795000100\"",
            "1795000100.0",
            "1.5",
            "1e400",
            "1e9",
            "-1",
            "-0",
            "true",
            "null",
            "[]",
            "{}",
            "[1795000100]",
            "18446744073709551616",
            "NaN",
            "",
        ] {
            let refused = thief.claim(name, value);
            assert_eq!(refused, Err(Refused::Claims), "{name}: {value}");
        }
    }
    for name in ["iss", "aud", "sub", "jti"] {
        for value in ["7", "null", "[\"derby\"]", "{}", "true", "\"\\ud800\""] {
            let refused = thief.claim(name, value);
            assert_eq!(refused, Err(Refused::Claims), "{name}: {value}");
        }
    }
    for value in ["\"\"", "\"abc\"", "\"0123456789ABCDEF0123456789ABCDEF\""] {
        assert_eq!(thief.claim("jti", value), Err(Refused::Claims), "{value}");
    }
}

#[test]
fn t3_a_missing_unknown_or_repeated_claim_is_refused() {
    let thief = Thief::new();
    let header = thief.header.to_string();
    for name in ["iss", "aud", "sub", "jti", "iat", "nbf", "exp", "rev"] {
        let mut claims = thief.claims.clone();
        claims.as_object_mut().unwrap().remove(name);
        let token = thief.sign(&header, &claims.to_string());
        assert_eq!(
            verify(&thief.keys, &token),
            Err(Refused::Claims),
            "no {name}"
        );

        let again = format!(",\"{name}\":{}}}", thief.claims[name]);
        let twice = thief.claims.to_string();
        let token = thief.sign(&header, &(twice[..twice.len() - 1].to_owned() + &again));
        assert_eq!(
            verify(&thief.keys, &token),
            Err(Refused::Claims),
            "two {name}"
        );
    }
    assert_eq!(thief.claim("admin", "true"), Err(Refused::Claims));
    for claims in ["null", "\"x\"", "", "[]", "{"] {
        let refused = verify(&thief.keys, &thief.sign(&header, claims));
        assert_eq!(refused, Err(Refused::Malformed), "{claims}");
    }
}

#[test]
fn t3_good_values_in_another_shape_are_refused() {
    let thief = Thief::new();
    let (header, claims) = (thief.header.to_string(), thief.claims.to_string());
    let listed = |object: &Value, names: &[&str]| {
        let values: Vec<&Value> = names.iter().map(|name| &object[*name]).collect();
        json!(values).to_string()
    };
    let claims_list = listed(
        &thief.claims,
        &["iss", "aud", "sub", "jti", "iat", "nbf", "exp", "rev"],
    );
    let header_list = listed(&thief.header, &["typ", "alg", "kid"]);
    for (header, claims) in [
        (&header, &claims_list),
        (&header_list, &claims),
        (&header, &format!(" {claims}")),
        (&format!(" {header}"), &claims),
    ] {
        let refused = verify(&thief.keys, &thief.sign(header, claims));
        assert_eq!(refused, Err(Refused::Malformed), "{header} {claims}");
    }
}

#[test]
fn t4_a_token_is_good_from_its_claim_to_its_expiry_and_the_leeway_beyond() {
    for algorithm in [AdmissionAlgorithm::EdDsa, AdmissionAlgorithm::Hs256] {
        let keys = keyring(algorithm);
        let good = admission(&keys);
        let token = keys.sign_admission(&derby(), &good, NOON).unwrap();
        let at = |now| keys.verify_admission(&derby(), &token, now, MAX_LIFE);

        assert_eq!(at(later(-6)), Err(Refused::NotYetValid));
        assert_eq!(at(later(-5)), Ok(good.clone()));
        assert_eq!(at(later(304)), Ok(good));
        assert_eq!(
            at(later(305)),
            Err(Refused::Expired),
            "when the slot is freed"
        );
        assert_eq!(at(later(400)), Err(Refused::Expired));
    }
}

#[test]
fn t4_a_token_that_would_live_too_long_or_backwards_is_refused() {
    let thief = Thief::new();
    let at = |seconds: i64| later(seconds).secs().to_string();
    assert!(thief.claim("exp", &at(1_805)).is_ok());
    assert_eq!(thief.claim("exp", &at(1_806)), Err(Refused::Lifetime));
    assert_eq!(
        thief.claim("exp", &at(3_155_760_000)),
        Err(Refused::Lifetime)
    );
    assert_eq!(
        thief.claim("exp", &u64::MAX.to_string()),
        Err(Refused::Lifetime)
    );
    assert_eq!(thief.claim("exp", &at(0)), Err(Refused::Lifetime));
    assert_eq!(thief.claim("exp", &at(-1)), Err(Refused::Lifetime));
    assert_eq!(thief.claim("iat", "0"), Err(Refused::Lifetime));
    assert!(thief.claim("iat", &at(5)).is_ok());
    assert_eq!(thief.claim("iat", &at(6)), Err(Refused::NotYetValid));
    assert!(thief.claim("nbf", &at(5)).is_ok());
    assert_eq!(thief.claim("nbf", &at(6)), Err(Refused::NotYetValid));
    assert_eq!(
        thief.claim("nbf", &u64::MAX.to_string()),
        Err(Refused::NotYetValid)
    );
}

#[test]
fn t7_a_token_of_more_than_four_kib_is_refused_unread() {
    let thief = Thief::new();
    let sub = |length: usize| format!("\"{}\"", "s".repeat(length));
    assert!(thief.claim("sub", &sub(2_500)).is_ok());
    assert_eq!(thief.claim("sub", &sub(4_000)), Err(Refused::TooLong));

    let megabyte = "A".repeat(1_000_000);
    assert_eq!(verify(&thief.keys, &megabyte), Err(Refused::TooLong));
    assert_eq!(
        verify_queue(&thief.keys, &megabyte),
        Err(Refused::Malformed)
    );
}
