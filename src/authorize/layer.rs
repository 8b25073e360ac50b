//! What all layers of rules have in common.

/// A layer with a rule: its docs and its name.
macro_rules! rule_layer {
    ($(#[$docs:meta])* $name:ident) => {
        $(#[$docs])*
        #[derive(Clone)]
        pub struct $name<R = crate::EmptyBody> {
            rule: $crate::authorize::Rule,
            reject: R,
        }

        impl $name {
            fn of(rule: $crate::authorize::Rule) -> Self {
                Self {
                    rule,
                    reject: crate::EmptyBody,
                }
            }
        }

        impl<R> $name<R> {
            /// Has rejections rendered by something else than [`EmptyBody`](crate::EmptyBody), as
            /// [`ClerkAuthLayer::reject_with`](crate::ClerkAuthLayer::reject_with) does.
            #[must_use]
            pub fn reject_with<T>(self, reject: T) -> $name<T> {
                $name {
                    rule: self.rule,
                    reject,
                }
            }
        }

        impl<S, R: Clone> tower_layer::Layer<S> for $name<R> {
            type Service = $crate::authorize::Require<S, R>;

            fn layer(&self, inner: S) -> Self::Service {
                $crate::authorize::Require::new(inner, &self.rule, &self.reject)
            }
        }

        impl<R> std::fmt::Debug for $name<R> {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_tuple(stringify!($name)).field(&self.rule).finish()
            }
        }
    };
}

pub(super) use rule_layer;
