//! Every durable operation of a scripted project fails once, in every way; the power goes at every operation.
#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    reason = "the script of the test is no test function itself"
)]
use std::fs;
use std::sync::Arc;

use thon_project::durable::{Fault, Loss};
use thon_project::{Durable, FaultyDisk};

mod script;
use script::promises::{check_promises, reference, results, resume_and_compare};
use script::{Script, scratch};

/// Runs the script with `fault` at operation 0, 1, 2, … until it is over before the fault; answers the number of
/// operations. `after` judges each run, given the error of the run if it had one.
fn at_every_operation(fault: Fault, loss: Option<Loss>, must_succeed: bool) -> u64 {
    let reference = reference();
    for at in 0.. {
        let (place, graves) = (scratch(), scratch());
        let root = place.path().join("project");
        fs::create_dir(&root).unwrap();
        let disk = FaultyDisk::new(&root, graves.path())
            .unwrap()
            .with_fault(at, fault);
        let mut script = Script::new(Durable::new(Arc::new(disk.clone())), &root);
        let outcome = script.run();
        let label = format!("{fault:?} at operation {at}, {loss:?}");
        if must_succeed {
            assert!(outcome.is_ok(), "{label}: {outcome:?}");
            assert!(results(&root) == reference, "{label}: the bytes differ");
        }
        if disk.operations() <= at {
            outcome.unwrap();
            return at;
        }
        if let Some(loss) = loss {
            disk.power_cut(loss).unwrap();
        }
        check_promises(&root, &reference, &script.acknowledged, &label);
        resume_and_compare(&root, &reference, &script.acknowledged, &label);
    }
    unreachable!("the loop ends by itself")
}

#[test]
fn no_space_at_every_operation() {
    let operations = at_every_operation(Fault::NoSpace, None, false);
    println!("{operations} operations failed with ENOSPC");
    assert!(operations > 100);
}

#[test]
fn input_output_error_at_every_operation() {
    let operations = at_every_operation(Fault::InputOutput, None, false);
    println!("{operations} operations failed with EIO");
}

#[test]
fn interrupted_at_every_operation() {
    let operations = at_every_operation(Fault::Interrupted, None, true);
    println!("{operations} operations failed with EINTR");
}

#[test]
fn short_write_at_every_operation() {
    let operations = at_every_operation(Fault::ShortWrite, None, true);
    println!("{operations} operations, every write among them short once");
}

#[test]
fn killed_at_every_operation() {
    let operations = at_every_operation(Fault::PowerCut, Some(Loss::Nothing), false);
    println!("killed at {operations} operations");
}

#[test]
fn power_cut_at_every_operation_drops_unsynced() {
    let operations = at_every_operation(Fault::PowerCut, Some(Loss::UnsyncedDropped), false);
    println!("power cut at {operations} operations, all that was not synced dropped");
}

#[test]
fn power_cut_at_every_operation_tears_unsynced() {
    let operations = at_every_operation(Fault::PowerCut, Some(Loss::UnsyncedTorn), false);
    println!("power cut at {operations} operations, all that was not synced torn");
}

#[test]
fn second_power_cut_during_recovery() {
    let reference = reference();
    let mut cuts = 0;
    for first in (5..).step_by(23) {
        let mut over = false;
        for second in (3..).step_by(29) {
            let (place, graves) = (scratch(), scratch());
            let root = place.path().join("project");
            fs::create_dir(&root).unwrap();
            let loss = if cuts % 2 == 0 {
                Loss::UnsyncedDropped
            } else {
                Loss::UnsyncedTorn
            };
            let mut acknowledged = Vec::new();
            for at in [first, second] {
                let disk = FaultyDisk::new(&root, graves.path())
                    .unwrap()
                    .with_fault(at, Fault::PowerCut);
                let mut script = Script::new(Durable::new(Arc::new(disk.clone())), &root);
                let _ = script.run();
                over = !disk.is_off();
                disk.power_cut(loss).unwrap();
                acknowledged.extend(script.acknowledged);
            }
            let label = format!("power cuts at {first} and {second}, {loss:?}");
            check_promises(&root, &reference, &acknowledged, &label);
            resume_and_compare(&root, &reference, &acknowledged, &label);
            cuts += 1;
            if over {
                break;
            }
        }
        if first > 420 {
            break;
        }
    }
    println!("{cuts} pairs of power cuts");
    assert!(cuts > 20);
}
