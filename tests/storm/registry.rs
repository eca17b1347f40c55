//! A registry that is slow, ill, or carries out what it never answers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::civil::date;
use jisr::callback::Msisdn;
use jisr::desk::{
    IdKind, Identity, Lookup, NewAccount, Opened, Person, Registry, RegistryError, Standing,
};

use crate::sky::Sky;

/// Somebody of the registry, and what they type.
pub struct Somebody {
    pub number: &'static str,
    pub expiry: (i16, i8, i8),
    pub birth: (i16, i8, i8),
    pub registration: Option<&'static str>,
    pub phone: &'static str,
}

/// People; the phone of the first rings at the first phone, and so on.
pub const PEOPLE: [Somebody; 4] = [
    Somebody {
        number: "JC51834",
        expiry: (2029, 9, 2),
        birth: (1990, 11, 17),
        registration: Some("118206455"),
        phone: "+212661000001",
    },
    Somebody {
        number: "BE740215",
        expiry: (2031, 6, 14),
        birth: (1984, 3, 5),
        registration: Some("104882317"),
        phone: "+212661000002",
    },
    Somebody {
        number: "D3345",
        expiry: (2028, 1, 20),
        birth: (1961, 7, 1),
        registration: None,
        phone: "+212661000003",
    },
    // The caller is another number.
    Somebody {
        number: "A10",
        expiry: (2030, 5, 5),
        birth: (1950, 12, 12),
        registration: Some("100000042"),
        phone: "+212661000004",
    },
];

#[derive(Default)]
struct Books {
    /// Open accounts by registration number: under which key, and of which generation.
    open: BTreeMap<String, (String, u32)>,
    /// Every key that opened one: its registration number and password.
    keys: BTreeMap<String, (String, Option<String>)>,
    revoked: BTreeMap<String, u32>,
}

/// The registry.
#[derive(Clone)]
pub struct ModelRegistry {
    sky: Arc<Sky>,
    books: Arc<Mutex<Books>>,
}

impl ModelRegistry {
    pub fn new(sky: &Arc<Sky>) -> Self {
        Self {
            sky: Arc::clone(sky),
            books: Arc::default(),
        }
    }

    /// The way there; whether it is as good as closed.
    async fn way(&self) -> Result<(), RegistryError> {
        let p = &self.sky.parameters;
        let wait = self.sky.wait(p.registry_wait);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        match self.sky.hits(p.registry_ill) {
            true => Err(RegistryError::Unavailable("ill".to_owned())),
            false => Ok(()),
        }
    }

    async fn back<T>(&self, answer: T) -> Result<T, RegistryError> {
        let p = &self.sky.parameters;
        if self.sky.hits(p.registry_mute) {
            self.sky.rare("the registry's answer is lost");
            return Err(RegistryError::Unavailable("mute".to_owned()));
        }
        let wait = self.sky.wait(p.registry_wait);
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Ok(answer)
    }
}

impl Registry for ModelRegistry {
    async fn lookup(&self, who: &Identity) -> Result<Lookup, RegistryError> {
        self.sky.seen(|| "registry lookup".to_owned());
        self.way().await?;
        let is_it = |(year, month, day): (i16, i8, i8)| date(year, month, day);
        let found = PEOPLE.iter().find(|one| {
            who.kind == IdKind::Cnie
                && one.number == who.number
                && is_it(one.expiry) == who.expiry
                && is_it(one.birth) == who.birth
        });
        let answer = match found {
            None => Lookup::NoMatch,
            Some(one) => Lookup::Match(Box::new(Person {
                standing: match one.registration {
                    Some(registration) => Standing::Registered {
                        registration: registration.to_owned(),
                        account: self.books.lock().unwrap().open.contains_key(registration),
                    },
                    None => Standing::Subject,
                },
                phone: Msisdn::parse(one.phone).ok(),
                name: "Nom Sample".to_owned(),
                address: "1 rue Sample, Rabat".to_owned(),
                email: String::new(),
            })),
        };
        self.back(answer).await
    }

    async fn open_account(&self, account: &NewAccount) -> Result<Opened, RegistryError> {
        self.sky
            .seen(|| format!("registry open {}", account.registration));
        self.way().await?;
        let answer = {
            let mut books = self.books.lock().unwrap();
            let key = account.idempotency_key.clone();
            let password = account.password.clone();
            let registration = account.registration.clone();
            match books.keys.get(&key) {
                Some((_, before)) if *before != password => {
                    let how = "another password under the same key".to_owned();
                    self.sky.broken("G3 once per key", how);
                    Opened::Opened
                }
                Some(_) => {
                    self.sky.rare("an account is asked for again under its key");
                    Opened::Opened
                }
                None if books.open.contains_key(&registration) => Opened::Already,
                None => {
                    books
                        .open
                        .insert(registration.clone(), (key.clone(), account.generation));
                    books.keys.insert(key, (registration.clone(), password));
                    let opened = books
                        .keys
                        .values()
                        .filter(|one| one.0 == registration)
                        .count();
                    let revoked = books.revoked.get(&registration).copied().unwrap_or(0);
                    if opened > 1 + revoked as usize {
                        let how = format!("{opened} accounts of one person");
                        self.sky.broken("G3 once per key", how);
                    }
                    Opened::Opened
                }
            }
        };
        self.back(answer).await
    }

    async fn revoke_password(
        &self,
        registration: &str,
        generation: u32,
    ) -> Result<(), RegistryError> {
        self.sky.seen(|| format!("registry revoke {registration}"));
        self.way().await?;
        {
            let mut books = self.books.lock().unwrap();
            let open = books.open.get(registration);
            if open.is_some_and(|(_, open)| *open == generation) {
                self.sky.rare("a password is revoked");
                books.open.remove(registration);
                *books.revoked.entry(registration.to_owned()).or_default() += 1;
            }
        }
        self.back(()).await
    }
}
