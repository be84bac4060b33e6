//! Weak, shared, old and missing keys.

use super::*;

#[test]
fn t10_a_session_has_one_name_everywhere_and_another_for_each_stay() {
    let files = files_of(NOON, AdmissionAlgorithm::EdDsa);
    let (one, two) = (
        Keyring::read(&files).unwrap(),
        Keyring::read(&files).unwrap(),
    );
    let window = WindowId(5);
    let name = one.jti(&derby(), window, ann(), Turn(1));
    assert_eq!(two.jti(&derby(), window, ann(), Turn(1)), name);
    assert_eq!(two.subject(&derby(), ann()), one.subject(&derby(), ann()));

    let other: RoomName = "derby-2".parse().unwrap();
    let bob = VisitorId::from_bytes([7; 16]);
    for differs in [
        one.jti(&other, window, ann(), Turn(1)),
        one.jti(&derby(), WindowId(6), ann(), Turn(1)),
        one.jti(&derby(), window, bob, Turn(1)),
        one.jti(&derby(), window, ann(), Turn(2)),
        keyring(AdmissionAlgorithm::EdDsa).jti(&derby(), window, ann(), Turn(1)),
    ] {
        assert_ne!(differs, name);
    }
    assert_ne!(one.subject(&other, ann()), one.subject(&derby(), ann()));
    assert_ne!(one.subject(&derby(), bob), one.subject(&derby(), ann()));
    assert_ne!(
        one.draw_seed(&derby(), window),
        one.draw_seed(&other, window)
    );
    assert_ne!(
        one.draw_seed(&derby(), window),
        one.draw_seed(&derby(), WindowId(6))
    );
}

#[test]
fn t14_an_older_key_verifies_while_it_is_there_and_nothing_once_it_is_gone() {
    let old = files_of(later(-3_600), AdmissionAlgorithm::Hs256);
    let before = Keyring::read(&old).unwrap();
    let queue = before.sign_queue(&derby(), &queue_token(), NOON);
    let admitted = before
        .sign_admission(&derby(), &admission(&before), NOON)
        .unwrap();

    let new = files_of(NOON, AdmissionAlgorithm::EdDsa);
    let both = Keyring::read(&[new.clone(), old.clone()].concat()).unwrap();
    assert!(verify(&both, &admitted).is_ok() && verify_queue(&both, &queue).is_ok());
    assert_ne!(
        both.sign_queue(&derby(), &queue_token(), NOON),
        queue,
        "the newest signs"
    );
    let (header, _, _) = parts(&both);
    assert_eq!(header["alg"], "EdDSA", "the newest signs");
    assert_eq!(
        admission(&both),
        admission(&before),
        "sessions keep their names"
    );
    assert_eq!(
        both.draw_seed(&derby(), WindowId(1)),
        before.draw_seed(&derby(), WindowId(1))
    );

    let mut kept = old;
    kept.retain(|file| matches!(file.purpose(), Some(Purpose::Identity | Purpose::Draw)));
    let after = Keyring::read(&[new, kept].concat()).unwrap();
    assert_eq!(verify(&after, &admitted), Err(Refused::UnknownKey));
    assert_eq!(verify_queue(&after, &queue), Err(Refused::UnknownKey));
}

/// The keys of `old`, and two more made an hour later that sign ten minutes after that.
fn rotated(old: &[KeyFile]) -> Vec<KeyFile> {
    let purposes = [Purpose::Queue, Purpose::Admission];
    let eddsa = AdmissionAlgorithm::EdDsa;
    let new = generate(NOON, &purposes, eddsa, &mut random_bytes::<32>).unwrap();
    let new = new.into_iter().map(|file| file.signing_from(later(600)));
    new.chain(old.iter().cloned()).collect()
}

#[test]
fn t14_during_a_rotation_no_gateway_meets_a_token_it_cannot_verify() {
    let old = files_of(later(-3_600), AdmissionAlgorithm::EdDsa);
    let behind = Keyring::read(&old).unwrap();
    let ahead = Keyring::read(&rotated(&old)).unwrap();
    let name = |keys: &Keyring| keys.jti(&derby(), WindowId(1), ann(), Turn(1));
    assert_eq!(name(&behind), name(&ahead), "sessions keep their names");

    for (seconds, old_verifies) in [
        (-1_800, true),
        (0, true),
        (599, true),
        (600, false),
        (900, false),
    ] {
        let now = later(seconds);
        let signed = |keys: &Keyring| {
            let token = QueueToken {
                expires: QueueToken::expiry(queue_token().place, now),
                ..queue_token()
            };
            let admission = Admission {
                since: now,
                expires: now.after(Duration::from_secs(300)),
                ..admission(keys)
            };
            let queue = keys.sign_queue(&derby(), &token, now);
            (
                queue,
                keys.sign_admission(&derby(), &admission, now).unwrap(),
            )
        };
        let good = |keys: &Keyring, (queue, admission): &(String, String)| {
            let queue = keys.verify_queue(&derby(), queue, now);
            let admission = keys.verify_admission(&derby(), admission, now, MAX_LIFE);
            assert_eq!(queue.is_ok(), admission.is_ok());
            queue.is_ok()
        };
        let (by_new, by_old) = (signed(&ahead), signed(&behind));
        assert!(good(&ahead, &by_new) && good(&ahead, &by_old), "{seconds}");
        assert_eq!(good(&behind, &by_new), old_verifies, "{seconds}");
    }
}

#[test]
fn t14_a_key_to_come_is_published_and_the_oldest_signs_where_no_time_has_come() {
    let old = files_of(later(-3_600), AdmissionAlgorithm::EdDsa);
    let keys = Keyring::read(&rotated(&old)).unwrap();
    let jwks = keys.jwks();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);

    let long_ago = UnixTime::from_secs(1_000);
    let token = keys.sign_queue(&derby(), &queue_token(), long_ago);
    let alone = Keyring::read(&old).unwrap();
    assert!(
        verify_queue(&alone, &token).is_ok(),
        "a clock that is wrong"
    );
}

/// Kids of two keys that tokens cannot tell apart by the four bytes they name a key with.
fn colliding_kids() -> (String, String) {
    let mut seen = std::collections::HashMap::new();
    (0..)
        .find_map(|number| {
            let kid = format!("20261201T100000Z-{number}");
            let [a, b, c, d, ..]: [u8; 32] = Sha256::digest(&kid).into();
            let earlier = seen.insert([a, b, c, d], kid.clone());
            earlier.map(|earlier| (earlier, kid))
        })
        .unwrap()
}

#[test]
fn t14_two_keys_that_share_a_reference_are_both_tried() {
    let (older, newer) = colliding_kids();
    let mut old = files_of(NOON, AdmissionAlgorithm::EdDsa);
    old[0].name = format!("queue-{older}.key");
    let text = Keyring::read(&old)
        .unwrap()
        .sign_queue(&derby(), &queue_token(), NOON);

    let mut new = files_of(NOON, AdmissionAlgorithm::EdDsa);
    new[0].name = format!("queue-{newer}.key");
    let alone = Keyring::read(&new).unwrap();
    assert_eq!(verify_queue(&alone, &text), Err(Refused::Signature));

    new.push(old.remove(0));
    let both = Keyring::read(&new).unwrap();
    assert_eq!(verify_queue(&both, &text), Ok(queue_token()));
}

#[test]
fn public_keys_are_published_and_secrets_never() {
    let eddsa = files_of(NOON, AdmissionAlgorithm::EdDsa);
    let hs256 = files_of(later(1), AdmissionAlgorithm::Hs256);
    let keys = Keyring::read(&[eddsa.clone(), hs256.clone()].concat()).unwrap();

    let jwks = keys.jwks();
    let list = jwks["keys"].as_array().unwrap();
    assert_eq!(list.len(), 1);
    let fields: Vec<&str> = list[0]
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(fields, ["alg", "crv", "kid", "kty", "use", "x"]);
    for file in [eddsa, hs256].concat() {
        let secret = file
            .text
            .lines()
            .find(|line| !line.starts_with("-----"))
            .unwrap();
        assert!(!jwks.to_string().contains(secret));
        assert!(!format!("{keys:?}").contains(secret));
    }

    let token = parts(&Keyring::read(&files_of(NOON, AdmissionAlgorithm::EdDsa)).unwrap());
    let mut fields: Vec<_> = token.1.as_object().unwrap().keys().cloned().collect();
    fields.sort();
    assert_eq!(
        fields,
        ["aud", "exp", "iat", "iss", "jti", "nbf", "rev", "sub"]
    );
    assert_eq!(token.0.as_object().unwrap().len(), 3);
}

#[test]
fn t15_every_fault_of_a_set_of_keys_is_reported_at_once() {
    let mut files = files_of(NOON, AdmissionAlgorithm::EdDsa);
    files[0].text = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
        .to_owned()
        .into();
    files[0].mode = 0o644;
    files[1].text = files[2].text.clone();
    files[2].text = "c2hvcnQ".to_owned().into();
    files[3].name = "draw-newest.key".to_owned();
    let name = |index: usize| files[index].name.clone();

    let faults = Keyring::read(&files).unwrap_err();

    let secret = |index, fault| KeyFault::Secret {
        file: name(index),
        fault,
    };
    let mode = KeyFault::Mode {
        file: name(0),
        mode: 0o644,
    };
    assert_eq!(
        faults,
        [
            mode,
            secret(0, SecretFault::Repeats),
            secret(1, SecretFault::NotEd25519),
            secret(2, SecretFault::Short(5)),
            KeyFault::Name { file: name(3) },
            KeyFault::Missing(Purpose::Draw),
        ]
    );
}

#[test]
fn t15_no_keys_at_all_names_the_command() {
    let faults = Keyring::read(&[]).unwrap_err();
    assert_eq!(faults, Purpose::ALL.map(KeyFault::Missing));
    let text = faults[0].to_string();
    assert!(text.contains("anteroom keys generate --dir DIR"), "{text}");
}

#[test]
fn t15_only_the_owner_may_open_a_key_file() {
    let files = files_of(NOON, AdmissionAlgorithm::EdDsa);
    for (mode, sound) in [
        (0o600, true),
        (0o400, true),
        (0o700, true),
        (0o640, false),
        (0o604, false),
        (0o620, false),
        (0o602, false),
        (0o610, false),
        (0o666, false),
        (0o100_644, false),
    ] {
        let mut files = files.clone();
        files[2].mode = mode;
        assert_eq!(Keyring::read(&files).is_ok(), sound, "{mode:o}");
    }
}

#[test]
fn t15_a_key_that_is_there_twice_or_of_another_kind_is_a_fault() {
    let mut files = files_of(NOON, AdmissionAlgorithm::EdDsa);
    let mut twin = files_of(NOON, AdmissionAlgorithm::Hs256).remove(1);
    twin.name = files[1].name.replace(".pem", ".key");
    let file = twin.name.clone();
    files.push(twin);
    assert_eq!(
        Keyring::read(&files).unwrap_err(),
        [KeyFault::Twice { file }]
    );
    files.pop();

    let weak = format!(
        "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEI{}\n-----END PRIVATE KEY-----\n",
        "A".repeat(43)
    );
    let p256 = "-----BEGIN PRIVATE KEY-----\nMIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgWTFfCGljY6aw3Hrt\nkHmPRiazukxPLb6ilpRAewjW8nihRANCAATDskChT+Altkm9X7MI69T3IUmrQU0L\n950IxEzvw/x5BMEINRMrXLBJhqzO9Bm+d6JbqA21YQmd1Kt4RzLJR1W+\n-----END PRIVATE KEY-----\n";
    for (text, fault) in [
        (weak.as_str(), SecretFault::Repeats),
        (p256, SecretFault::NotEd25519),
        ("", SecretFault::NotEd25519),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            SecretFault::NotEd25519,
        ),
    ] {
        files[1].text = text.to_owned().into();
        let file = files[1].name.clone();
        let faults = Keyring::read(&files).unwrap_err();
        assert_eq!(faults, [KeyFault::Secret { file, fault }], "{text}");
    }
}
