//! Either copy rebuilds the other; where neither can prove what was recorded, the store refuses.
