//! The permissions in a session token of version 2. They are written as bits, in three lists with commas:
//!
//! | claim | holds |
//! |---|---|
//! | `fea` | features, as `scope:feature`; the scope says whether the organization has it (`o`), the user (`u`), or both |
//! | `o.per` | names of permissions |
//! | `o.fpm` | one number for each feature, in decimal: bit *j* says that the organization has name *j* of it |
//!
//! So `fea: "o:dashboard,o:teams"`, `per: "manage,read"`, `fpm: "3,2"` is `org:dashboard:manage`,
//! `org:dashboard:read` and `org:teams:read`.
//!
//! Clerk's own libraries disagree on which number belongs to which feature: by its place in the whole list, as
//! the documentation says, or by its place among the features of the organization. How many numbers there are
//! settles it where there is one for each feature of the organization alone. Where there is one for each of the
//! whole list, both readings have to come to the same.
//!
//! All or nothing: where any part of this cannot be read, the token gives no permission. A part that was
//! skipped would move those behind it, and somebody would get what another feature gives.

/// The permissions, as `org:feature:name`; none where they cannot be read for certain.
pub(crate) fn decode(features: &str, names: &str, masks: &str) -> Box<[Box<str>]> {
    read(features, names, masks).unwrap_or_default()
}

fn read(features: &str, names: &str, masks: &str) -> Option<Box<[Box<str>]>> {
    let features: Vec<Feature<'_>> = features
        .split(',')
        .map(Feature::read)
        .collect::<Option<_>>()?;
    let names: Vec<&str> = names.split(',').collect();
    let masks: Vec<Mask> = masks
        .split(',')
        .map(|mask| Mask::read(mask, names.len()))
        .collect::<Option<_>>()?;
    let organizations: Vec<&str> = features
        .iter()
        .filter(|feature| feature.is_organizations)
        .map(|feature| feature.name)
        .collect();
    if !names.iter().all(|name| is_part(name)) || has_twice(&names) || has_twice(&organizations) {
        return None;
    }
    let permissions = organizations
        .iter()
        .zip(pair(&features, &masks, organizations.len())?)
        .flat_map(|(feature, mask)| {
            let held = names.iter().enumerate().filter(|(n, _)| mask.has(*n));
            held.map(move |(_, name)| format!("org:{feature}:{name}").into())
        });
    Some(permissions.collect())
}

/// The masks of the organization's features, of which there are `count`.
fn pair<'a>(features: &[Feature<'_>], masks: &'a [Mask], count: usize) -> Option<&'a [Mask]> {
    let among_organizations = masks.get(..count)?;
    if masks.len() == count {
        return Some(among_organizations);
    }
    if masks.len() != features.len() {
        return None;
    }
    let in_the_whole_list = features
        .iter()
        .zip(masks)
        .filter(|(feature, _)| feature.is_organizations)
        .map(|(_, mask)| mask);
    among_organizations
        .iter()
        .eq(in_the_whole_list)
        .then_some(among_organizations)
}

struct Feature<'a> {
    name: &'a str,
    is_organizations: bool,
}

impl<'a> Feature<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (scope, name) = text.split_once(':')?;
        let is_organizations = match scope {
            "o" | "ou" | "uo" => true,
            "u" => false,
            _ => return None,
        };
        is_part(name).then_some(Self {
            name,
            is_organizations,
        })
    }
}

/// A number of as many bits as there are names, the least significant byte first. Bits beyond the names stand
/// for nothing, and are not kept.
#[derive(PartialEq, Eq)]
struct Mask(Vec<u8>);

impl Mask {
    fn read(digits: &str, bits: usize) -> Option<Self> {
        if digits.is_empty() {
            return None;
        }
        let mut bytes = vec![0; bits.div_ceil(8)];
        for digit in digits.bytes() {
            if !digit.is_ascii_digit() {
                return None;
            }
            let mut carry = digit - b'0';
            for byte in &mut bytes {
                let product = u16::from(*byte) * 10 + u16::from(carry);
                [*byte, carry] = product.to_le_bytes();
            }
        }
        let beyond = bytes.len() * 8 - bits;
        if let Some(last) = bytes.last_mut() {
            *last &= u8::MAX >> beyond;
        }
        Some(Self(bytes))
    }

    fn has(&self, bit: usize) -> bool {
        let byte = self.0.get(bit / 8);
        byte.is_some_and(|byte| (byte >> (bit % 8)) & 1 == 1)
    }
}

/// A name that stands between colons and commas.
fn is_part(text: &str) -> bool {
    !text.is_empty() && !text.contains([':', ','])
}

fn has_twice(names: &[&str]) -> bool {
    let mut sorted = names.to_vec();
    sorted.sort_unstable();
    sorted.windows(2).any(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests;
