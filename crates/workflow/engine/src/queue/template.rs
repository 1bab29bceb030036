//! Submission scripts of other programs as they lie: RELION's `XXXcommandXXX` and cryoSPARC's `{{ run_cmd }}`.
//!
//! Facilities have these scripts. Words between `XXX` are RELION's (its manual, "queue submission"); double braces and
//! `{% %}` are Jinja2, which cryoSPARC's cluster scripts are written in. A script without either is refused.

use std::path::Path;

use minijinja::{Environment, UndefinedBehavior, context};

use super::configuration::ExecutorEntry;

/// What goes into a script.
pub(super) struct Script<'a> {
    /// The command to be run, ready for the shell.
    pub(super) command: &'a str,
    /// Name of the job.
    pub(super) name: &'a str,
    /// The attempt's directory.
    pub(super) directory: &'a Path,
    /// Processes.
    pub(super) processes: usize,
    /// Cores of a process.
    pub(super) cores: u32,
    /// Bytes of memory of a process.
    pub(super) memory: u64,
    /// Partition and the like.
    pub(super) entry: &'a ExecutorEntry,
}

/// Fills a script in either dialect.
///
/// # Errors
/// A script that does not run the command, with what is missing.
pub(super) fn fill(template: &str, script: &Script<'_>) -> Result<String, String> {
    let filled = if template.contains("XXXcommandXXX") {
        relion(template, script)
    } else if template.contains("run_cmd") {
        cryosparc(template, script)?
    } else {
        return Err(
            "the template runs nothing: it has neither XXXcommandXXX (RELION) nor {{ run_cmd }} (cryoSPARC)".into(),
        );
    };
    if !filled.contains(script.command) {
        return Err("the filled template does not run the command".into());
    }
    Ok(filled)
}

fn relion(template: &str, script: &Script<'_>) -> String {
    let output = script.directory.join("queue.out").display().to_string();
    let errors = script.directory.join("queue.err").display().to_string();
    let (processes, cores) = (script.processes.to_string(), script.cores.to_string());
    let all = (script.processes as u64 * u64::from(script.cores)).to_string();
    let queue = script.entry.partition.clone().unwrap_or_default();
    let mut words = vec![
        ("XXXcommandXXX".to_owned(), script.command.to_owned()),
        ("XXXnameXXX".into(), script.name.into()),
        ("XXXoutfileXXX".into(), output),
        ("XXXerrfileXXX".into(), errors),
        ("XXXqueueXXX".into(), queue),
        // The command is started once; it starts its further processes itself.
        ("XXXmpinodesXXX".into(), "1".into()),
        (
            "XXXthreadsXXX".into(),
            if script.processes > 1 {
                all.clone()
            } else {
                cores
            },
        ),
        ("XXXcoresXXX".into(), all),
        ("XXXdedicatedXXX".into(), processes.clone()),
        ("XXXnodesXXX".into(), processes),
    ];
    for (i, value) in script.entry.extra.iter().enumerate() {
        words.push((format!("XXXextra{}XXX", i + 1), value.clone()));
    }
    words
        .iter()
        .fold(template.to_owned(), |text, (word, value)| {
            text.replace(word, value)
        })
}

fn cryosparc(template: &str, script: &Script<'_>) -> Result<String, String> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    let gigabytes = (script.memory as f64 / f64::from(1u32 << 30)).ceil();
    let filled = environment.render_str(
        template,
        context! {
            run_cmd => script.command,
            num_cpu => script.processes as u64 * u64::from(script.cores),
            num_gpu => 0,
            ram_gb => gigabytes,
            ram_gb_multiplier => 1,
            run_args => "",
            worker_bin_path => "thon",
            project_uid => script.name,
            job_uid => script.name,
            job_creator => std::env::var("USER").unwrap_or_default(),
            cryosparc_username => std::env::var("USER").unwrap_or_default(),
            job_dir_abs => script.directory.display().to_string(),
            project_dir_abs => script.directory.display().to_string(),
            job_log_path_abs => script.directory.join("queue.out").display().to_string(),
            job_type => "thon",
        },
    );
    filled.map_err(|e| format!("the template is no Jinja: {e:#}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RELION: &str = "#!/bin/bash\n#SBATCH --ntasks=XXXmpinodesXXX\n#SBATCH --partition=XXXqueueXXX\n\
        #SBATCH --cpus-per-task=XXXthreadsXXX\n#SBATCH --error=XXXerrfileXXX\n#SBATCH --gres=XXXextra1XXX\n\
        XXXcommandXXX\n";
    const CRYOSPARC: &str = "#!/usr/bin/env bash\n#SBATCH --job-name cryosparc_{{ project_uid }}_{{ job_uid }}\n\
        #SBATCH -n {{ num_cpu }}\n#SBATCH --mem={{ (ram_gb*1000)|int }}MB\n\
        {%- if num_gpu == 0 %}\n#SBATCH --partition=cpu\n{%- else %}\n#SBATCH --gres=gpu:{{ num_gpu }}\n{%- endif %}\n\
        {{ run_cmd }}\n";

    fn filled(template: &str) -> Result<String, String> {
        let entry = ExecutorEntry {
            partition: Some("fast".into()),
            extra: vec!["gpu:2".into()],
            ..ExecutorEntry::default()
        };
        let script = Script {
            command: "'thon' attempt 1 2 \"$SLURM_ARRAY_TASK_ID\"",
            name: "thon-7",
            directory: Path::new("/p/jobs/00001-x/attempt-2"),
            processes: 2,
            cores: 4,
            memory: 3 << 30,
            entry: &entry,
        };
        fill(template, &script)
    }

    #[test]
    fn relions_script_is_read_as_it_is() {
        let text = filled(RELION).unwrap();
        assert!(
            text.contains("--partition=fast") && text.contains("--cpus-per-task=8"),
            "{text}"
        );
        assert!(
            text.contains("--gres=gpu:2") && !text.contains("XXX"),
            "{text}"
        );
        assert!(text.ends_with("'thon' attempt 1 2 \"$SLURM_ARRAY_TASK_ID\"\n"));
    }

    #[test]
    fn cryosparcs_script_is_read_as_it_is() {
        let text = filled(CRYOSPARC).unwrap();
        assert!(
            text.contains("#SBATCH -n 8\n#SBATCH --mem=3000MB\n#SBATCH --partition=cpu"),
            "{text}"
        );
        assert!(
            !text.contains("gres") && text.contains("\n'thon' attempt 1 2 "),
            "{text}"
        );
    }

    #[test]
    fn a_script_that_runs_nothing_is_refused() {
        assert!(filled("#!/bin/bash\necho hello\n").is_err());
        assert!(filled("{% if %} {{ run_cmd }}").is_err());
    }
}
