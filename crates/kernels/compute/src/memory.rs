//! How the system's allocator treats the buffers a kernel frees.
//!
//! A kernel frees and asks again for buffers of tens of megabytes. glibc gives such blocks back to the operating system at
//! once and gets them again page by page, each page cleared: in short runs a quarter of the processor time goes there.
//! [`keep_freed`] tells it to keep them. Measurements: decision 0019; the parameters are those of mallopt(3).

/// Lets the allocator of the process keep freed buffers for the next ones. To be called once, before threads are started.
/// Returns whether it took effect: not where the allocator is not glibc's. What the environment of the process sets
/// (`MALLOC_TRIM_THRESHOLD_` and its like) goes before.
pub fn keep_freed() -> bool {
    imp::keep_freed()
}

/// Asks the system to back a buffer that was just made, and not yet written to, by large pages: far fewer faults when it is
/// written first. A hint; where the system has none, nothing happens.
pub fn prefer_large_pages<T>(buffer: &[T]) {
    imp::prefer_large_pages(buffer.as_ptr().expose_provenance(), size_of_val(buffer));
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod imp {
    use libc::{M_MMAP_THRESHOLD, M_TOP_PAD, M_TRIM_THRESHOLD, c_int};

    /// Parameter, the variable that goes before it, bytes.
    const CHOICES: [(c_int, &str, c_int); 3] = [
        // Blocks from here on are mapped on their own and go back when they are freed: images of a whole detector and
        // tomograms do, so that a program of several stages has the peak of its largest stage, not their sum.
        (M_MMAP_THRESHOLD, "MALLOC_MMAP_THRESHOLD_", 32 << 20),
        // Free memory at the end of the heap from which it is given back.
        (M_TRIM_THRESHOLD, "MALLOC_TRIM_THRESHOLD_", 1 << 30),
        // What the heap grows by beyond what is asked for.
        (M_TOP_PAD, "MALLOC_TOP_PAD_", 32 << 20),
    ];

    /// A large page; and the smallest buffer for which it is worth a call.
    const LARGE: usize = 2 << 20;

    pub(super) fn prefer_large_pages(start: usize, bytes: usize) {
        let first = start.next_multiple_of(LARGE);
        let end = (start + bytes) / LARGE * LARGE;
        if end > first {
            // SAFETY: the range lies within a buffer of this process; MADV_HUGEPAGE changes no content, only what
            // pages stand behind it, and an error changes nothing.
            let _ = unsafe {
                libc::madvise(
                    std::ptr::with_exposed_provenance_mut(first),
                    end - first,
                    libc::MADV_HUGEPAGE,
                )
            };
        }
    }

    pub(super) fn keep_freed() -> bool {
        CHOICES.iter().all(|&(parameter, variable, bytes)| {
            // SAFETY: mallopt takes two integers and touches nothing but the allocator's own settings.
            std::env::var_os(variable).is_some() || unsafe { libc::mallopt(parameter, bytes) } == 1
        })
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod imp {
    pub(super) fn keep_freed() -> bool {
        false
    }

    pub(super) fn prefer_large_pages(_start: usize, _bytes: usize) {}
}

#[cfg(test)]
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod tests {
    use super::keep_freed;

    /// Above the 128 KiB from which glibc maps a block on its own unless told otherwise.
    const BLOCK: usize = 24 << 20;

    /// Pages this thread had to be given so far: the tenth field of its line in /proc, after the name in brackets.
    fn pages_given() -> u64 {
        let line = std::fs::read_to_string("/proc/thread-self/stat").unwrap();
        let after_name = &line[line.rfind(')').unwrap() + 2..];
        after_name.split(' ').nth(7).unwrap().parse().unwrap()
    }

    #[test]
    fn a_freed_block_is_used_again_without_new_pages() {
        assert!(keep_freed());
        drop(std::hint::black_box(vec![1u8; BLOCK]));
        let before = pages_given();
        for _ in 0..10 {
            drop(std::hint::black_box(vec![1u8; BLOCK]));
        }
        let given = pages_given() - before;
        assert!(
            given < 500,
            "{given} pages of 4 KiB for ten blocks of 6,144"
        );
    }
}
