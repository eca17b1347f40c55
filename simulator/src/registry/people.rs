//! The sample people. None of them exists; their numbers are made up.

use serde_json::{Value, json};

/// A sample person as the registry knows them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// `cnie` or `sejour`.
    pub id_type: &'static str,
    /// The number on the card.
    pub id_number: &'static str,
    /// The card's expiry date, yyyy-mm-dd.
    pub expiry: &'static str,
    /// The birth date, yyyy-mm-dd.
    pub birth: &'static str,
    /// `registered`, `subject` or `not_eligible`.
    pub standing: &'static str,
    /// The registration number of who is registered.
    pub registration: Option<&'static str>,
    /// Whether there is an account.
    pub account: bool,
    /// Why somebody is not eligible.
    pub reason: Option<&'static str>,
    /// The number on file in E.164.
    pub phone: Option<&'static str>,
    /// Family name and first name.
    pub name: &'static str,
    /// The address on file.
    pub address: Option<&'static str>,
    /// The e-mail on file.
    pub email: Option<&'static str>,
}

impl Person {
    /// The `Person` of the contract.
    pub fn shown(&self) -> Value {
        let mut shown = json!({
            "standing": self.standing,
            "phone": self.phone,
            "name": self.name,
            "address": self.address,
            "email": self.email,
        });
        if let Some(registration) = self.registration {
            shown["registration"] = registration.into();
            shown["account"] = self.account.into();
        }
        if let Some(reason) = self.reason {
            shown["reason"] = reason.into();
            shown["reason_text"] = Value::Null;
        }
        shown
    }

    /// The text message that says all of it at once: `TNS BE740215 14062031 05031984`.
    pub fn one_text(&self) -> String {
        let day = |date: &str| date.rsplit('-').collect::<String>();
        format!(
            "TNS {} {} {}",
            self.id_number,
            day(self.expiry),
            day(self.birth)
        )
    }
}

/// The sample people, one of each kind.
pub fn people() -> Vec<Person> {
    let nobody = Person {
        id_type: "cnie",
        id_number: "",
        expiry: "",
        birth: "",
        standing: "registered",
        registration: None,
        account: false,
        reason: None,
        phone: None,
        name: "",
        address: None,
        email: None,
    };
    vec![
        Person {
            id_number: "BE740215",
            expiry: "2031-06-14",
            birth: "1984-03-05",
            registration: Some("104882317"),
            account: true,
            phone: Some("+212661000001"),
            name: "EXEMPLE Amina",
            address: Some("12 rue de l'Exemple, Casablanca"),
            email: Some("amina@example.ma"),
            ..nobody.clone()
        },
        Person {
            id_number: "JC51834",
            expiry: "2029-09-02",
            birth: "1990-11-17",
            registration: Some("118206455"),
            phone: Some("+212661000002"),
            name: "EXEMPLE Youssef",
            address: Some("4 rue de l'Exemple, Rabat"),
            email: Some("youssef@example.ma"),
            ..nobody.clone()
        },
        Person {
            id_number: "D3345",
            expiry: "2028-01-20",
            birth: "1961-07-01",
            standing: "subject",
            phone: Some("+212661000003"),
            name: "EXEMPLE Mbarek",
            ..nobody.clone()
        },
        Person {
            id_number: "K928471",
            expiry: "2033-04-30",
            birth: "1996-02-29",
            standing: "not_eligible",
            reason: Some("salaried"),
            phone: Some("+212661000004"),
            name: "EXEMPLE Hind",
            ..nobody.clone()
        },
        Person {
            id_type: "sejour",
            id_number: "R204518M",
            expiry: "2027-08-11",
            birth: "1988-12-23",
            registration: Some("120775903"),
            phone: Some("+212661000005"),
            name: "SAMPLE Awa",
            address: Some("7 rue de l'Exemple, Agadir"),
            ..nobody.clone()
        },
        Person {
            id_number: "A10",
            expiry: "2030-05-05",
            birth: "1950-12-12",
            registration: Some("100000042"),
            name: "EXEMPLE Fadma",
            ..nobody
        },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_text_says_it_all() {
        let all = people();
        let texts: Vec<_> = all.iter().map(Person::one_text).collect();
        assert_eq!(texts[0], "TNS BE740215 14062031 05031984");
        assert_eq!(texts[3], "TNS K928471 30042033 29021996");
    }
}
