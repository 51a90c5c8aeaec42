//! What a function's container is restricted to.

use std::collections::HashMap;

use bollard::models::{HostConfig, Mount, MountType, MountVolumeOptions, ResourcesUlimits};

/// How much of Lambda's sandbox a container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Sandbox {
    /// A read-only root, a writable `/tmp` and the function's memory.
    #[default]
    Standard,
    /// In addition an unprivileged user without capabilities, and Lambda's limits of processes and open files.
    AsLambda,
    /// No restriction.
    Relaxed,
}

/// The user and group that functions run as in Lambda.
const LAMBDA_USER: &str = "993:990";

/// The number of processes and threads, and of open files, that Lambda allows (Lambda developer guide,
/// gettingstarted-limits).
const LAMBDA_LIMIT: i64 = 1024;

/// The only folder that a function can write to.
pub(super) const TMP: &str = "/tmp";

/// The options of that folder as a tmpfs. An engine mounts it `noexec` by default; Lambda does not.
const TMPFS: &str = "rw,exec,nosuid,nodev,mode=1777,size=512m";

/// What `/tmp` is.
pub(super) enum Tmp {
    /// A volume with these labels. Its mode is that of the image's folder. Files in it do not count as memory.
    Volume(HashMap<String, String>),
    /// A tmpfs, for an image without a folder that everyone can write to. Files in it count as the function's memory.
    Memory,
}

impl Sandbox {
    /// The user of the container; `None` for that of the image.
    pub(super) fn user(self) -> Option<String> {
        (self == Self::AsLambda).then(|| LAMBDA_USER.to_owned())
    }

    /// Restricts a container. `memory` is in MB; `None` for no limit.
    pub(super) fn restrict(self, host: HostConfig, memory: Option<u32>, tmp: Tmp) -> HostConfig {
        if self == Self::Relaxed {
            return host;
        }
        let memory = memory.map(|memory| i64::from(memory) * 1024 * 1024);
        let mut mounts = host.mounts.unwrap_or_default();
        let tmpfs = match tmp {
            Tmp::Volume(labels) => {
                mounts.push(volume(TMP, labels));
                None
            }
            Tmp::Memory => Some(HashMap::from([(TMP.to_owned(), TMPFS.to_owned())])),
        };
        let host = HostConfig {
            readonly_rootfs: Some(true),
            // Lambda has no /dev/shm, which would be another writable folder.
            ipc_mode: Some("none".to_owned()),
            memory,
            // The limit of memory and swap together, so there is no swap.
            memory_swap: memory,
            mounts: Some(mounts),
            tmpfs,
            ..host
        };
        if self == Self::Standard {
            return host;
        }
        let open_files = ResourcesUlimits {
            name: Some("nofile".to_owned()),
            soft: Some(LAMBDA_LIMIT),
            hard: Some(LAMBDA_LIMIT),
        };
        HostConfig {
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            pids_limit: Some(LAMBDA_LIMIT),
            ulimits: Some(vec![open_files]),
            ..host
        }
    }
}

/// A volume of the container alone, which is removed with it.
pub(super) fn volume(target: &str, labels: HashMap<String, String>) -> Mount {
    Mount {
        target: Some(target.to_owned()),
        typ: Some(MountType::VOLUME),
        volume_options: Some(MountVolumeOptions { labels: Some(labels), ..MountVolumeOptions::default() }),
        ..Mount::default()
    }
}
