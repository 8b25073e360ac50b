//! The permissions in a session token of version 2. They are encoded as bits, in three comma-separated lists:
//!
//! | claim | holds |
//! |---|---|
//! | `fea` | features, as `scope:feature`; the scope is that of the organization (`o`), of the user (`u`), or both |
//! | `o.per` | names of permissions |
//! | `o.fpm` | one decimal number for each feature: bit *j* is set if the organization has name *j* of it |
//!
//! For example, `fea: "o:dashboard,o:teams"`, `per: "manage,read"`, `fpm: "3,2"` is `org:dashboard:manage`,
//! `org:dashboard:read` and `org:teams:read`.
//!
//! Clerk's own libraries disagree about the feature of each number. According to the documentation it is the feature at
//! the same position in the whole list; according to the other reading it is the one at the same position among the
//! organization's features. If the count of numbers equals the count of the organization's features only, the other
//! reading applies. If it equals the length of the whole list, both readings must give the same result.
//!
//! The result is all or nothing: if any part cannot be read, the token grants no permission. A skipped part would shift
//! the parts after it, and the subject would get permissions of another feature.

/// Returns the permissions, as `org:feature:name`. The list is empty if they cannot be read without ambiguity.
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

/// Returns the masks of the organization's features. `count` is the number of these features.
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

/// A number with as many bits as there are names, the least significant byte first. Bits beyond the names have no
/// meaning and are dropped.
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

/// Returns true if a text may be a part between colons and commas.
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
