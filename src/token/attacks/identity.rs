//! Attacks on identity tokens, and what an honest one may say.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair as RsaPair, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
};

use super::*;
use crate::token::identity::{Claims, Demands, JwksFault, LONGEST_TEXT, ProviderKeys};

/// A provider's private key.
enum Pair {
    Ed(Ed25519KeyPair),
    Ec(EcdsaKeyPair),
    Rsa(RsaPair),
}

impl Pair {
    fn ed() -> Self {
        Self::Ed(Ed25519KeyPair::generate().unwrap())
    }

    fn ec() -> Self {
        Self::Ec(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap())
    }

    fn rsa(size: KeySize) -> Self {
        Self::Rsa(RsaPair::generate(size).unwrap())
    }

    const fn alg(&self) -> &'static str {
        match self {
            Self::Ed(_) => "EdDSA",
            Self::Ec(_) => "ES256",
            Self::Rsa(_) => "RS256",
        }
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let chance = SystemRandom::new();
        match self {
            Self::Ed(pair) => pair.sign(message).as_ref().to_vec(),
            Self::Ec(pair) => pair.sign(&chance, message).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &chance, message, &mut signature)
                    .unwrap();
                signature
            }
        }
    }

    fn jwk(&self, kid: &str) -> Value {
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::Ed(pair) => {
                let x = text(pair.public_key().as_ref());
                json!({"kty": "OKP", "crv": "Ed25519", "kid": kid, "use": "sig", "x": x})
            }
            Self::Ec(pair) => {
                let point = pair.public_key().as_ref();
                let (x, y) = (text(&point[1..33]), text(&point[33..]));
                json!({"kty": "EC", "crv": "P-256", "kid": kid, "alg": "ES256", "x": x, "y": y})
            }
            Self::Rsa(pair) => {
                let public = pair.public_key();
                let n = text(public.modulus().big_endian_without_leading_zero());
                let e = text(public.exponent().big_endian_without_leading_zero());
                json!({"kty": "RSA", "kid": kid, "n": n, "e": e, "x5t": "AAAA", "x5c": ["AAAA"]})
            }
        }
    }
}

/// A provider with one key, and what a house believes of it.
struct Club {
    pair: Pair,
    keys: ProviderKeys,
}

fn set(keys: &[Value]) -> Result<ProviderKeys, JwksFault> {
    ProviderKeys::parse(json!({ "keys": keys }).to_string().as_bytes())
}

fn demands() -> Demands {
    Demands {
        issuer: "https://id.club.example/".to_owned(),
        audience: "tickets".to_owned(),
        max_life: Duration::from_secs(3_600),
    }
}

fn claims() -> Value {
    json!({
        "iss": "https://id.club.example/", "aud": "tickets", "sub": "fan-1",
        "iat": NOON.secs(), "nbf": NOON.secs(), "exp": later(600).secs(),
        "membership": "gold",
    })
}

impl Club {
    fn with(pair: Pair) -> Self {
        let keys = set(&[pair.jwk("one")]).unwrap();
        Self { pair, keys }
    }

    fn header(&self) -> Value {
        json!({"typ": "JWT", "alg": self.pair.alg(), "kid": "one"})
    }

    fn sign(&self, header: &str, claims: &str) -> String {
        let message = format!("{}.{}", sealed(header), sealed(claims));
        let signature = self.pair.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn verify(&self, text: &str) -> Result<Claims, TokenRefused> {
        self.keys.verify(&demands(), text, NOON)
    }

    /// What becomes of these claims, honestly signed.
    fn says(&self, claims: &Value) -> Result<Claims, TokenRefused> {
        self.verify(&self.sign(&self.header().to_string(), &claims.to_string()))
    }

    /// What becomes of a token whose claim `name` is the JSON text `value`.
    fn claim(&self, name: &str, value: &str) -> Result<Claims, TokenRefused> {
        let mut claims = claims();
        claims[name] = json!("HERE");
        let claims = claims.to_string().replace("\"HERE\"", value);
        self.verify(&self.sign(&self.header().to_string(), &claims))
    }

    fn headed(&self, header: &Value) -> Result<Claims, TokenRefused> {
        self.verify(&self.sign(&header.to_string(), &claims().to_string()))
    }
}

fn refused(outcome: Result<Claims, TokenRefused>) -> TokenRefused {
    outcome.expect_err("it must be refused")
}

fn texts(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[test]
fn honest_tokens_of_each_kind_of_key_are_believed() {
    for pair in [Pair::ed(), Pair::ec(), Pair::rsa(KeySize::Rsa2048)] {
        let club = Club::with(pair);
        let said = club.says(&claims()).unwrap();
        assert_eq!(
            (said.subject(), said.issuer()),
            ("fan-1", "https://id.club.example/")
        );
        let mut header = club.header();
        header["x5t"] = json!("AAAA");
        header["typ"] = json!("at+jwt");
        assert!(club.headed(&header).is_ok());
        header.as_object_mut().unwrap().remove("typ");
        assert!(club.headed(&header).is_ok());
        assert_eq!(format!("{said:?}"), "Claims(…)");
    }
}

#[test]
fn what_optional_claims_may_be() {
    let club = Club::with(Pair::ed());
    let mut bare = claims();
    for name in ["iat", "nbf", "membership"] {
        bare.as_object_mut().unwrap().remove(name);
    }
    assert!(club.says(&bare).is_ok());
    for (audience, good) in [
        (json!(["other", "tickets"]), true),
        (json!(["other"]), false),
        (json!([]), false),
        (json!("ticket"), false),
    ] {
        bare["aud"] = audience.clone();
        let expected = if good { None } else { Some(Refused::Audience) };
        assert_eq!(club.says(&bare).err(), expected, "{audience}");
    }
    bare["aud"] = json!("tickets");
    bare["iss"] = json!("https://id.club.example");
    assert_eq!(refused(club.says(&bare)), Refused::Issuer);
}

#[test]
fn a_claim_leads_by_name_or_path_and_by_one_value_or_several() {
    let club = Club::with(Pair::ed());
    let mut said = claims();
    said["realm"] = json!({"roles": ["fan", "vip"], "level": 3});
    said["https://club.example/tier"] = json!("silver");
    said["press"] = json!(true);
    let said = club.says(&said).unwrap();
    for (path, wanted, expected) in [
        (&["membership"][..], &["gold"][..], true),
        (&["membership"], &["silver", "gold"], true),
        (&["membership"], &["Gold"], false),
        (&["realm", "roles"], &["vip"], true),
        (&["realm", "roles"], &["staff"], false),
        (&["realm", "level"], &["3"], true),
        (&["realm"], &["vip"], false),
        (&["realm", "roles", "vip"], &["vip"], false),
        (&["https://club.example/tier"], &["silver"], true),
        (&["press"], &["true"], true),
        (&["sub"], &["fan-1"], true),
        (&["none"], &["gold"], false),
        (&[], &["gold"], false),
    ] {
        let says = said.says(&texts(path), &texts(wanted));
        assert_eq!(says, expected, "{path:?} {wanted:?}");
    }
}

#[test]
fn t1_an_identity_is_never_believed_by_another_algorithm_than_its_keys_own() {
    let club = Club::with(Pair::rsa(KeySize::Rsa2048));
    for alg in [
        "none", "None", "nOnE", "", "HS256", "HS512", "RS512", "PS256", "ES256", "EdDSA", "rs256",
        "RS256 ",
    ] {
        let mut header = club.header();
        header["alg"] = json!(alg);
        assert_eq!(refused(club.headed(&header)), Refused::Algorithm, "{alg}");
        let message = format!(
            "{}.{}",
            sealed(&header.to_string()),
            sealed(&claims().to_string())
        );
        assert_eq!(
            refused(club.verify(&format!("{message}."))),
            Refused::Algorithm
        );
        assert_eq!(refused(club.verify(&message)), Refused::Malformed);
    }
    let mut unsigned = club.sign(&club.header().to_string(), &claims().to_string());
    unsigned.truncate(unsigned.rfind('.').unwrap() + 1);
    assert_eq!(refused(club.verify(&unsigned)), Refused::Signature);
}

#[test]
fn t1_hs256_signed_with_a_providers_public_key_is_refused() {
    for pair in [Pair::ed(), Pair::ec(), Pair::rsa(KeySize::Rsa2048)] {
        let club = Club::with(pair);
        let jwk = club.pair.jwk("one");
        let part = |name: &str| jwk[name].as_str().unwrap_or_default().to_owned();
        for secret in [part("x"), part("n"), jwk.to_string()] {
            let raw = URL_SAFE_NO_PAD.decode(&secret).unwrap_or_default();
            for secret in [secret.as_bytes(), &raw] {
                let mut header = Header::new(Algorithm::HS256);
                header.kid = Some("one".to_owned());
                let key = EncodingKey::from_secret(secret);
                let token = encode(&header, &claims(), &key).unwrap();
                assert_eq!(refused(club.verify(&token)), Refused::Algorithm);
            }
        }
    }
}

#[test]
fn t1_a_secret_key_in_a_set_is_never_a_way_to_sign() {
    let secret = json!({"kty": "oct", "kid": "one", "alg": "HS256", "k": "AAAA"});
    assert_eq!(set(&[secret]).unwrap_err(), JwksFault::Private);
    let symmetric = json!({"kty": "oct", "kid": "one", "alg": "HS256"});
    assert_eq!(set(&[symmetric]).unwrap_err(), JwksFault::NoneUsable(1));
}

#[test]
fn t2_nothing_in_an_identitys_header_leads_elsewhere() {
    let club = Club::with(Pair::ed());
    for (name, value) in [
        ("jku", json!("https://evil.example/jwks.json")),
        ("x5u", json!("https://evil.example/cert.pem")),
        ("jwk", club.pair.jwk("one")),
        ("x5c", json!(["AAAA"])),
        ("crit", json!([])),
        ("crit", json!(["exp"])),
        ("zip", json!("DEF")),
        ("b64", json!(false)),
        ("jku", json!(null)),
        ("cty", json!("JWT")),
        ("typ", json!("anteroom-admission+jwt")),
        ("typ", json!("logout+jwt")),
        ("typ", json!(7)),
    ] {
        let mut header = club.header();
        header[name] = value;
        assert_eq!(refused(club.headed(&header)), Refused::Header, "{name}");
    }
    for name in ["alg", "kid"] {
        let mut header = club.header();
        header.as_object_mut().unwrap().remove(name);
        assert_eq!(refused(club.headed(&header)), Refused::Header, "no {name}");
    }
    let twice = club
        .header()
        .to_string()
        .replacen('{', "{\"kid\":\"one\",", 1);
    let token = club.sign(&twice, &claims().to_string());
    assert_eq!(refused(club.verify(&token)), Refused::Header);
    let listed = json!(["EdDSA", "one", "JWT"]).to_string();
    let token = club.sign(&listed, &claims().to_string());
    assert_eq!(refused(club.verify(&token)), Refused::Malformed);
}

#[test]
fn t2_an_identitys_kid_is_only_ever_looked_up_in_memory() {
    let club = Club::with(Pair::ed());
    for kid in [
        "",
        "two",
        "One",
        "../../../../dev/null",
        "' OR '1'='1",
        "one\0",
        "https://evil.example/key",
        &"k".repeat(2_000),
    ] {
        let mut header = club.header();
        header["kid"] = json!(kid);
        assert_eq!(refused(club.headed(&header)), Refused::UnknownKey, "{kid}");
    }
    let mut header = club.header();
    header["kid"] = json!("k".repeat(10_240));
    assert_eq!(refused(club.headed(&header)), Refused::TooLong);
}

#[test]
fn t3_an_identitys_claims_of_another_type_are_refused() {
    let club = Club::with(Pair::ed());
    for name in ["exp", "iat", "nbf"] {
        for value in [
            "\"never\"",
            "\"1800000000\"",
            "-1",
            "1.5e9",
            "1800000000.0",
            "1e400",
            "null",
            "true",
            "[1800000000]",
            "{}",
            "18446744073709551616",
        ] {
            let outcome = refused(club.claim(name, value));
            assert_eq!(outcome, Refused::Claims, "{name} {value}");
        }
    }
    for (name, value) in [
        ("iss", "7"),
        ("iss", "[\"https://id.club.example/\"]"),
        ("aud", "7"),
        ("aud", "[\"tickets\", 7]"),
        ("aud", "null"),
        ("sub", "\"\""),
        ("sub", "7"),
        ("sub", "null"),
    ] {
        assert_eq!(refused(club.claim(name, value)), Refused::Claims, "{name}");
    }
    let long = format!("\"{}\"", "s".repeat(256));
    assert_eq!(refused(club.claim("sub", &long)), Refused::Claims);
    for name in ["iss", "aud", "sub", "exp"] {
        let mut claims = claims();
        claims.as_object_mut().unwrap().remove(name);
        assert_eq!(refused(club.says(&claims)), Refused::Claims, "no {name}");
    }
}

#[test]
fn t3_an_identity_that_says_anything_twice_is_refused() {
    let club = Club::with(Pair::ed());
    let header = club.header().to_string();
    for twice in [
        format!("{{\"sub\":\"fan-2\",{}", &claims().to_string()[1..]),
        format!("{{\"membership\":\"none\",{}", &claims().to_string()[1..]),
        format!("{{\"exp\":9,{}", &claims().to_string()[1..]),
        format!(
            "{{\"realm\":{{\"a\":1,\"a\":2}},{}",
            &claims().to_string()[1..]
        ),
        format!("{{\"m\\u0065mbership\":1,{}", &claims().to_string()[1..]),
    ] {
        let token = club.sign(&header, &twice);
        assert_eq!(refused(club.verify(&token)), Refused::Claims, "{twice}");
    }
    let listed = json!([claims()]).to_string();
    let token = club.sign(&header, &listed);
    assert_eq!(refused(club.verify(&token)), Refused::Claims);
    let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
    assert_eq!(refused(club.claim("deep", &deep)), Refused::Claims);
}

#[test]
fn t4_an_identity_lives_within_its_times_and_no_longer_than_allowed() {
    let club = Club::with(Pair::ed());
    let at = |iat: i64, nbf: i64, exp: i64| {
        let mut claims = claims();
        for (name, seconds) in [("iat", iat), ("nbf", nbf), ("exp", exp)] {
            claims[name] = json!(later(seconds).secs());
        }
        club.says(&claims).err()
    };
    assert_eq!(at(0, 0, 600), None);
    assert_eq!(at(-10, -10, -4), None, "within the leeway");
    assert_eq!(at(-10, -10, -5), Some(Refused::Expired));
    assert_eq!(at(5, 5, 600), None, "within the leeway");
    assert_eq!(at(6, 0, 600), Some(Refused::NotYetValid));
    assert_eq!(at(0, 6, 600), Some(Refused::NotYetValid));
    assert_eq!(at(-3_000, 0, 600), None);
    assert_eq!(at(-3_006, 0, 600), Some(Refused::Lifetime));
    assert_eq!(at(0, 0, 3_606), Some(Refused::Lifetime));
    assert_eq!(at(0, 0, 3_155_760_000), Some(Refused::Lifetime));
    let mut ageless = claims();
    ageless.as_object_mut().unwrap().remove("iat");
    ageless["exp"] = json!(later(3_606).secs());
    assert_eq!(refused(club.says(&ageless)), Refused::Lifetime);
}

#[test]
fn t6_every_changed_bit_of_an_identity_is_refused() {
    for pair in [Pair::ed(), Pair::ec()] {
        let club = Club::with(pair);
        let token = club.sign(&club.header().to_string(), &claims().to_string());
        assert!(club.verify(&token).is_ok());
        for at in 0..token.len() {
            for bit in 0..7 {
                let mut bytes = token.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let changed = String::from_utf8(bytes).unwrap();
                assert!(club.verify(&changed).is_err(), "byte {at} bit {bit}");
            }
            assert!(club.verify(&token[..at]).is_err(), "cut at {at}");
        }
        for spoilt in [
            format!("{token}="),
            format!(" {token}"),
            format!("{token}\n"),
            format!("{token}."),
            token.replace('-', "+").replace('_', "/") + "==",
        ] {
            assert!(club.verify(&spoilt).is_err());
        }
    }
}

/// The order of the curve P-256 (SEC 2, 2.4.2).
const ORDER: [u8; 32] = [
    0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC, 0xE6,
    0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
];

/// The order less a number below it.
fn negated(number: &[u8]) -> Vec<u8> {
    let mut borrow = 0;
    let mut bytes: Vec<u8> = (ORDER.iter().zip(number).rev())
        .map(|(order, digit)| {
            let left = i16::from(*order) - i16::from(*digit) - borrow;
            borrow = i16::from(left < 0);
            u8::try_from(left + 256 * borrow).unwrap()
        })
        .collect();
    bytes.reverse();
    bytes
}

/// A signature as X.509 writes it: a sequence of two integers.
fn as_der(signature: &[u8]) -> Vec<u8> {
    let integer = |number: &[u8]| {
        let skipped = number.iter().take_while(|byte| **byte == 0).count();
        let sign = (number[skipped] >= 0x80).then_some(0);
        let digits: Vec<u8> = sign.into_iter().chain(number[skipped..].to_vec()).collect();
        [&[2, u8::try_from(digits.len()).unwrap()], &digits[..]].concat()
    };
    let both = [integer(&signature[..32]), integer(&signature[32..])].concat();
    [&[0x30, u8::try_from(both.len()).unwrap()], &both[..]].concat()
}

/// Whoever has a signature (r, s) of ECDSA can write (r, n - s), which is one too. It says nothing
/// that the first did not, and no text of a token is ever taken for what makes it the same one.
#[test]
fn t6_another_writing_of_a_signature_says_nothing_else() {
    let club = Club::with(Pair::ec());
    let token = club.sign(&club.header().to_string(), &claims().to_string());
    let honest = club.verify(&token).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let (r, s) = signature.split_at(32);
    let with =
        |signature: &[u8]| club.verify(&format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)));

    let other = with(&[r, &negated(s)].concat()).unwrap();
    assert_eq!(other.subject(), honest.subject());
    assert_eq!(other.issuer(), honest.issuer());

    let zeros = [0; 32];
    for (what, odd) in [
        ("as DER", as_der(&signature)),
        ("longer", [&signature[..], &[0]].concat()),
        ("with a zero in front", [&[0], &signature[..]].concat()),
        ("r is 0", [&zeros, s].concat()),
        ("s is 0", [r, &zeros].concat()),
        ("s is the order", [r, &ORDER].concat()),
        ("r is the order", [&ORDER, s].concat()),
        ("swapped", [s, r].concat()),
        ("r negated", [&negated(r), s].concat()),
        ("nothing", Vec::new()),
    ] {
        assert!(with(&odd).is_err(), "{what}");
    }
}

#[test]
fn t6_an_endless_identity_is_not_read() {
    let club = Club::with(Pair::ed());
    let long = format!("\"{}\"", "x".repeat(LONGEST_TEXT));
    assert_eq!(refused(club.claim("padding", &long)), Refused::TooLong);
    for odd in ["", ".", "..", "...", "a.b.c", "é.é.é", "eyJ.eyJ."] {
        assert_eq!(refused(club.verify(odd)), Refused::Malformed, "{odd}");
    }
}

#[test]
fn a_set_keeps_what_is_certain_and_leaves_out_the_rest() {
    let (ed, ec, rsa) = (Pair::ed(), Pair::ec(), Pair::rsa(KeySize::Rsa2048));
    let but = |mut jwk: Value, name: &str, value: Value| {
        jwk[name] = value;
        jwk
    };
    let keys = [
        ed.jwk("ed"),
        ec.jwk("ec"),
        rsa.jwk("rsa"),
        but(ed.jwk("a"), "use", json!("enc")),
        but(ed.jwk("b"), "key_ops", json!(["sign"])),
        but(ed.jwk("c"), "alg", json!("ES256")),
        but(rsa.jwk("d"), "alg", json!("PS256")),
        but(rsa.jwk("e"), "alg", json!("RSA-OAEP")),
        but(ec.jwk("f"), "crv", json!("P-384")),
        but(ed.jwk("g"), "crv", json!("X25519")),
        but(ed.jwk("h"), "x", json!("AAAA")),
        but(rsa.jwk("i"), "n", json!("AQAB")),
        but(ed.jwk("j"), "kid", json!(null)),
        but(ed.jwk("k"), "kid", json!("")),
        json!({"kty": "ML-DSA", "kid": "l", "pub": "AAAA"}),
    ];
    assert_eq!(set(&keys).unwrap().len(), 3);
    assert_eq!(set(&keys[3..]).unwrap_err(), JwksFault::NoneUsable(12));
    assert_eq!(
        set(&[ed.jwk("one"), ec.jwk("one")]).unwrap_err(),
        JwksFault::Twice
    );
    let private = but(ed.jwk("one"), "d", json!("AAAA"));
    assert_eq!(set(&[private]).unwrap_err(), JwksFault::Private);
    let crowd = vec![ed.jwk("one"); 101];
    assert_eq!(set(&crowd).unwrap_err(), JwksFault::TooLarge);
    let long = vec![b' '; 300_000];
    assert_eq!(ProviderKeys::parse(&long).unwrap_err(), JwksFault::TooLarge);
    for none in ["", "[]", "{}", "{\"keys\":{}}", "{\"keys\":[7]}", "<html>"] {
        let fault = ProviderKeys::parse(none.as_bytes()).unwrap_err();
        assert!(matches!(fault, JwksFault::NoSet(_)), "{none}: {fault}");
    }
    assert!(ProviderKeys::default().is_empty());
}

#[test]
fn a_person_is_the_same_everywhere_and_another_in_each_window_and_room() {
    let keys = keyring(AdmissionAlgorithm::EdDsa);
    let (club, window) = ("https://id.club.example/", WindowId(7));
    let ann = keys.person(&derby(), window, (club, "fan-1"));
    assert_eq!(keys.person(&derby(), window, (club, "fan-1")), ann);
    let final_room = "final".parse().unwrap();
    for other in [
        keys.person(&derby(), WindowId(8), (club, "fan-1")),
        keys.person(&final_room, window, (club, "fan-1")),
        keys.person(&derby(), window, (club, "fan-2")),
        keys.person(&derby(), window, ("https://id.other.example/", "fan-1")),
        keys.person(&derby(), window, ("https://id.club.example/f", "an-1")),
        keyring(AdmissionAlgorithm::EdDsa).person(&derby(), window, (club, "fan-1")),
    ] {
        assert_ne!(other, ann);
    }
}
