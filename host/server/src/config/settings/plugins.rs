//! Settings of the plugin folder, and the compilation of plugins.

use jobhost_registry::CompileLimits;
use jobhost_registry::files::COMPONENT_BYTES;

use super::{Setting, limit, list, text};

pub const PLUGINS_DIR: Setting = text(
    "plugins.dir",
    "./plugins",
    "Directory whose .wasm files are the plugins. It is watched: adding, replacing or removing a file takes effect within \
         a second or two.",
);
pub const PLUGINS_CACHE_DIR: Setting = text(
    "plugins.cache_dir",
    "",
    "Directory for compiled plugins, so that they are not compiled again at each start. If it is not set: \
         <data.dir>/compile-cache. Only the host may write there. Hosts of one owner can share it.",
);
pub const PLUGINS_ALLOWED_DIGESTS: Setting = list(
    "plugins.allowed_digests",
    "SHA-256 digests of the components that may be loaded, in hexadecimal. Empty: all may.",
);
pub const PLUGINS_SIGNING_KEYS: Setting = list(
    "plugins.signing_keys",
    "ed25519 public keys, 64 hexadecimal digits each. If any are set, a component needs a signature by one of them: 64 \
         bytes in a file beside it with .sig appended to its name. Empty: no signature is needed.",
);
pub const PLUGINS_COMPONENT_BYTES: Setting = limit(
    || COMPONENT_BYTES,
    "Maximum size of a component: 64 MiB. Languages that embed an interpreter produce components of about 10 to 40 MiB.",
);
pub const PLUGINS_COMPILE_SECONDS: Setting = limit(
    || CompileLimits::TIME,
    "Maximum time to compile a component. Compilation runs in a separate process, one at a time and at lower priority; the \
         largest real components take a few seconds.",
);
pub const PLUGINS_COMPILE_MEMORY_BYTES: Setting =
    limit(|| CompileLimits::MEMORY_BYTES, "Maximum address space of that process: 4 GiB.");
