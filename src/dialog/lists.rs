//! The lists that a dialog shows: categories with their documents, regions, cities and points.
//!
//! Pure data; `desk::catalogue` brings it in from files and from the ledger.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::conversation::Language;

/// The closed set of lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ListName {
    /// Groups of professional categories, by population.
    Groups,
    /// The categories of a group.
    Categories,
    /// The regions that have points or agencies.
    Regions,
    /// The cities of a region.
    Cities,
}

impl ListName {
    /// Every list.
    pub const ALL: [Self; 4] = [Self::Groups, Self::Categories, Self::Regions, Self::Cities];

    /// The name in dialog files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Groups => "groups",
            Self::Categories => "categories",
            Self::Regions => "regions",
            Self::Cities => "cities",
        }
    }
}

/// Words by language; every language of the service has an entry.
pub type Labels = BTreeMap<Language, String>;

/// One item of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The key that a slot holds.
    pub key: String,
    /// How it is shown.
    pub label: Labels,
}

/// A professional category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Category {
    /// Its key and short label.
    pub item: Item,
    /// The documents to bring.
    pub documents: Vec<Labels>,
    /// Whether the documents are sample data.
    pub sample: bool,
}

/// A group of categories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its key and short label.
    pub item: Item,
    /// Its categories.
    pub categories: Vec<Category>,
}

/// An agency or proximity point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Point {
    /// `agency` or `point`.
    pub agency: bool,
    /// The region's key, the same in every language's labels.
    pub region: Item,
    /// The city's key.
    pub city: Item,
    /// Name and address as shown, in Latin letters and in Arabic.
    pub latin: String,
    /// In Arabic.
    pub arabic: String,
    /// Whether it is sample data.
    pub sample: bool,
}

/// All lists, as one value that is swapped whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lists {
    /// The version of the category list.
    pub version: String,
    /// Its date, `yyyy-mm-dd`.
    pub date: String,
    /// Groups with their categories.
    pub groups: Vec<Group>,
    /// Agencies and points.
    pub points: Vec<Point>,
}

impl Lists {
    /// The items of a list; `within` is the key of the group or region.
    pub fn items(&self, list: ListName, within: Option<&str>) -> Vec<&Item> {
        match list {
            ListName::Groups => self.groups.iter().map(|group| &group.item).collect(),
            ListName::Categories => self
                .groups
                .iter()
                .filter(|group| Some(group.item.key.as_str()) == within)
                .flat_map(|group| group.categories.iter().map(|category| &category.item))
                .collect(),
            ListName::Regions => distinct(self.points.iter().map(|point| &point.region)),
            ListName::Cities => distinct(
                self.points
                    .iter()
                    .filter(|point| Some(point.region.key.as_str()) == within)
                    .map(|point| &point.city),
            ),
        }
    }

    /// The category with this key.
    pub fn category(&self, key: &str) -> Option<&Category> {
        self.groups
            .iter()
            .flat_map(|group| &group.categories)
            .find(|category| category.item.key == key)
    }

    /// The points of a city, agencies first.
    pub fn points_of(&self, city: &str) -> Vec<&Point> {
        let mut found: Vec<&Point> = self
            .points
            .iter()
            .filter(|point| point.city.key == city)
            .collect();
        found.sort_by_key(|point| !point.agency);
        found
    }
}

/// Each key once, in order of first sight.
fn distinct<'a>(items: impl Iterator<Item = &'a Item>) -> Vec<&'a Item> {
    let mut seen: Vec<&Item> = Vec::new();
    for item in items {
        if !seen.iter().any(|other| other.key == item.key) {
            seen.push(item);
        }
    }
    seen
}
