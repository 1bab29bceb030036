//! Atomic models: atoms, chains, residues, assemblies, size.
use serde_json::json;
use thon_atoms::{AtomicModel, ModelFormat};

use crate::description::{Description, short};
use crate::error::InspectError;
use crate::input::Input;

/// Describes a PDB or mmCIF file.
pub(crate) fn describe(
    input: &Input<'_>,
    description: &mut Description,
) -> Result<(), InspectError> {
    let model = thon_atoms::parse(&input.bytes()?, input.name())?;
    let format = match model.format {
        ModelFormat::Pdb => "PDB",
        ModelFormat::Mmcif => "mmCIF",
    };
    let chains = model.chains();
    let operators: usize = model
        .assemblies
        .iter()
        .map(thon_atoms::Assembly::operator_count)
        .sum();
    let facts = &mut description.facts;
    facts.set("format", format);
    facts.set("models", model.model_numbers().len());
    facts.set("chains", chains.len());
    facts.set("atoms", model.atoms.len());
    facts.set("residues", model.residue_count());
    facts.set("mass_kda", model.mass() / 1e3);
    let assemblies = model
        .assemblies
        .iter()
        .map(|assembly| json!({ "name": assembly.name, "operators": assembly.operator_count() }));
    facts.set("assembly_operators", operators);
    if operators > 0 {
        facts.set("assemblies", assemblies.collect::<Vec<_>>());
    }
    if let Some(centre) = model.centre_of_mass() {
        facts.set("centre_of_mass", json!(centre.to_array()));
        facts.set("bounding_radius", model.bounding_radius(centre));
    }
    description.summary = format!(
        "{format} model, {} atoms, {} chains, {} kDa",
        model.atoms.len(),
        chains.len(),
        short(model.mass() / 1e3)
    );
    doubts(&model, description);
    Ok(())
}

fn doubts(model: &AtomicModel, description: &mut Description) {
    let share = |wrong: usize| format!("{wrong} of {} atoms", model.atoms.len());
    let count = |wrong: &dyn Fn(&thon_atoms::Atom) -> bool| {
        model.atoms.iter().filter(|atom| wrong(atom)).count()
    };
    let occupancy = count(&|atom| !(0.0..=1.0).contains(&atom.occupancy));
    if occupancy > 0 {
        description.doubt(format!(
            "{} have an occupancy outside 0 to 1",
            share(occupancy)
        ));
    }
    if model.atoms.len() > 1 && model.bounding_radius(model.atoms[0].position) == 0.0 {
        description.doubt("all atoms are at the same place");
    }
    let negative = count(&|atom| atom.b_factor < 0.0);
    if negative > 0 {
        description.doubt(format!("{} have a negative B factor", share(negative)));
    }
}
