//! What every registry does, whichever stands behind the trait. The suite begins with the people
//! of the sandbox as they are at first.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use jiff::civil::{Date, date};

use super::{
    IdKind, Identity, Lookup, NewAccount, Opened, Person, Registry, RegistryError, Standing,
};

/// An identity of the sandbox, with dates as they are written on the card.
pub(super) fn who(kind: IdKind, number: &str, expiry: &str, birth: &str) -> Identity {
    let day = |text: &str| -> Date {
        let parts: Vec<i16> = text.split('/').map(|part| part.parse().unwrap()).collect();
        date(
            parts[2],
            i8::try_from(parts[1]).unwrap(),
            i8::try_from(parts[0]).unwrap(),
        )
    };
    Identity {
        kind,
        number: number.into(),
        expiry: day(expiry),
        birth: day(birth),
    }
}

/// An opening whose key is that of (registration, generation), as the gateway makes them.
pub(super) fn opening(registration: &str, generation: u32) -> NewAccount {
    NewAccount {
        registration: registration.into(),
        generation,
        password: Some("ACDEFGHJKMNP".into()),
        email: Some("youssef@example.ma".into()),
        idempotency_key: format!("{registration}.password.{generation}"),
    }
}

async fn person<R: Registry>(registry: &R, who: &Identity) -> Person {
    match registry.lookup(who).await.expect("the registry answers") {
        Lookup::Match(person) => *person,
        Lookup::NoMatch => panic!("no match"),
    }
}

/// Runs all of it.
pub(super) async fn holds<R: Registry>(registry: &R) {
    people_are_told_as_they_stand(registry).await;
    anything_wrong_is_no_match(registry).await;
    an_account_is_opened_once_and_taken_back(registry).await;
}

async fn people_are_told_as_they_stand<R: Registry>(registry: &R) {
    let table = [
        (
            IdKind::Cnie,
            "BE740215",
            "14/06/2031",
            "05/03/1984",
            "104882317 with",
            "+212661000001",
        ),
        (
            IdKind::Cnie,
            "JC51834",
            "02/09/2029",
            "17/11/1990",
            "118206455 without",
            "+212661000002",
        ),
        (
            IdKind::Cnie,
            "D3345",
            "20/01/2028",
            "01/07/1961",
            "subject",
            "+212661000003",
        ),
        (
            IdKind::Cnie,
            "K928471",
            "30/04/2033",
            "29/02/1996",
            "not eligible: salaried",
            "+212661000004",
        ),
        (
            IdKind::Sejour,
            "R204518M",
            "11/08/2027",
            "23/12/1988",
            "120775903 without",
            "+212661000005",
        ),
        (
            IdKind::Cnie,
            "A10",
            "05/05/2030",
            "12/12/1950",
            "100000042 without",
            "none",
        ),
    ];
    for (kind, number, expiry, birth, standing, phone) in table {
        let person = person(registry, &who(kind, number, expiry, birth)).await;
        let found = match person.standing {
            Standing::Registered {
                registration,
                account: true,
            } => format!("{registration} with"),
            Standing::Registered {
                registration,
                account: false,
            } => format!("{registration} without"),
            Standing::Subject => "subject".into(),
            Standing::NotEligible { reason, .. } => format!("not eligible: {reason}"),
        };
        assert_eq!(found, standing, "{number}");
        assert_eq!(
            person.phone.as_ref().map_or("none", |phone| phone.as_str()),
            phone,
            "{number}"
        );
        assert!(
            person.name.starts_with("EXEMPLE ") || person.name.starts_with("SAMPLE "),
            "{number}"
        );
    }
}

async fn anything_wrong_is_no_match<R: Registry>(registry: &R) {
    for (kind, number, expiry, birth) in [
        (IdKind::Cnie, "BE740216", "14/06/2031", "05/03/1984"),
        (IdKind::Sejour, "BE740215", "14/06/2031", "05/03/1984"),
        (IdKind::Cnie, "BE740215", "15/06/2031", "05/03/1984"),
        (IdKind::Cnie, "BE740215", "14/06/2031", "06/03/1984"),
        (IdKind::Cnie, "BE740215", "05/03/1984", "14/06/2031"),
    ] {
        let found = registry.lookup(&who(kind, number, expiry, birth)).await;
        assert!(
            matches!(found, Ok(Lookup::NoMatch)),
            "{number} {expiry} {birth}"
        );
    }
}

async fn an_account_is_opened_once_and_taken_back<R: Registry>(registry: &R) {
    let number = "118206455";
    let youssef = who(IdKind::Cnie, "JC51834", "02/09/2029", "17/11/1990");
    let account = async || match person(registry, &youssef).await.standing {
        Standing::Registered { account, .. } => account,
        Standing::Subject | Standing::NotEligible { .. } => panic!("not registered"),
    };

    assert_eq!(
        registry.open_account(&opening(number, 1)).await,
        Ok(Opened::Opened)
    );
    assert_eq!(
        registry.open_account(&opening(number, 1)).await,
        Ok(Opened::Opened),
        "the same key again"
    );
    assert!(account().await);
    assert_eq!(
        registry.open_account(&opening(number, 2)).await,
        Ok(Opened::Already),
        "a new generation"
    );

    registry.revoke_password(number, 1).await.expect("revoked");
    registry
        .revoke_password(number, 1)
        .await
        .expect("revoked again");
    assert!(!account().await);
    assert_eq!(
        registry.open_account(&opening(number, 1)).await,
        Ok(Opened::Opened),
        "the answer of that time"
    );
    assert!(
        !account().await,
        "a repeated opening brought a revoked account back"
    );
    let late = NewAccount {
        idempotency_key: "late".into(),
        ..opening(number, 1)
    };
    assert_eq!(
        registry.open_account(&late).await,
        Ok(Opened::Refused),
        "a revoked generation"
    );

    assert_eq!(
        registry.open_account(&opening(number, 3)).await,
        Ok(Opened::Opened)
    );
    registry
        .revoke_password(number, 1)
        .await
        .expect("an old revocation");
    assert!(
        account().await,
        "an old revocation took a newer password back"
    );

    assert_eq!(
        registry.open_account(&opening("104882317", 1)).await,
        Ok(Opened::Already),
        "an account from before"
    );
    registry
        .revoke_password("104882317", 1)
        .await
        .expect("nothing to revoke");
    let amina = person(
        registry,
        &who(IdKind::Cnie, "BE740215", "14/06/2031", "05/03/1984"),
    )
    .await;
    assert!(matches!(
        amina.standing,
        Standing::Registered { account: true, .. }
    ));
    assert_eq!(
        registry.open_account(&opening("999999999", 1)).await,
        Ok(Opened::Refused),
        "nobody"
    );

    let other = NewAccount {
        registration: "100000042".into(),
        ..opening(number, 3)
    };
    assert!(
        matches!(
            registry.open_account(&other).await,
            Err(RegistryError::Contract(_))
        ),
        "a key for two things"
    );
}
