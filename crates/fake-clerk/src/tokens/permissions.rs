//! The encoding of permissions in session tokens of version 2: features, names of permissions, and for each
//! feature a mask of its names.

/// The claims `fea`, `o.per` and `o.fpm`. A token omits empty ones.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Encoded {
    pub(super) features: String,
    pub(super) permissions: String,
    pub(super) masks: String,
}

/// Encodes permissions of the form `org:feature:name`, and features without permissions, `scope:name`.
///
/// The masks belong to the features by position. Readers disagree about masks of features that only users
/// have. These features come last, so that every reader reads the same.
pub(super) fn encode(permissions: &[String], further: &[String]) -> Encoded {
    let mut names: Vec<&str> = Vec::new();
    let mut features: Vec<(String, Vec<usize>)> = Vec::new();
    for (feature, name) in permissions.iter().filter_map(|text| parts(text)) {
        let position = position_or_push(&mut names, name);
        let feature = format!("o:{feature}");
        match features.iter_mut().find(|(known, _)| *known == feature) {
            Some((_, held)) => held.push(position),
            None => features.push((feature, vec![position])),
        }
    }
    for feature in further {
        if !features.iter().any(|(known, _)| known == feature) {
            features.push((feature.clone(), Vec::new()));
        }
    }
    features.sort_by_key(|(feature, _)| feature.starts_with("u:"));
    let masks: Vec<_> = features.iter().map(|(_, held)| mask(held)).collect();
    let features: Vec<_> = features.into_iter().map(|(feature, _)| feature).collect();
    // Masks without names are meaningless.
    let masks = match names.as_slice() {
        [] => String::new(),
        _ => masks.join(","),
    };
    Encoded {
        features: features.join(","),
        permissions: names.join(","),
        masks,
    }
}

/// Returns the feature and the name of a permission.
pub(super) fn parts(permission: &str) -> Option<(&str, &str)> {
    let (feature, name) = permission.strip_prefix("org:")?.split_once(':')?;
    let is_part = |text: &str| !text.is_empty() && !text.contains([':', ',']);
    (is_part(feature) && is_part(name)).then_some((feature, name))
}

fn position_or_push<'a>(names: &mut Vec<&'a str>, name: &'a str) -> usize {
    let known = names.iter().position(|known| *known == name);
    known.unwrap_or_else(|| {
        names.push(name);
        names.len() - 1
    })
}

/// Returns the number with these bits set, in decimal. It is unlimited: there may be more names of
/// permissions than bits in a machine word.
fn mask(bits: &[usize]) -> String {
    // Digits, least significant first.
    let mut digits = vec![0_u8];
    let highest = bits.iter().copied().max().unwrap_or_default();
    for bit in (0..=highest).rev() {
        let mut carry = u8::from(bits.contains(&bit));
        for digit in &mut digits {
            let doubled = *digit * 2 + carry;
            *digit = doubled % 10;
            carry = doubled / 10;
        }
        if carry > 0 {
            digits.push(carry);
        }
    }
    let digits = digits.iter().rev();
    digits.map(|digit| char::from(b'0' + digit)).collect()
}

#[cfg(test)]
mod tests;
