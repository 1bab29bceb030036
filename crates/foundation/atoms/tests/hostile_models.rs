//! Truncated, bent and hostile models: an error or an answer, never a panic, never without bound.
#![expect(clippy::unwrap_used, reason = "a test may stop here")]

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use thon_atoms::parse;

const ATOM: &str =
    "ATOM      1  N   ARG S  10      -3.093 213.890 338.998  0.50 12.25           N  \n";
const CIF: &str = "data_x\nloop_\n_atom_site.type_symbol\n_atom_site.label_asym_id\n_atom_site.Cartn_x\n\
    _atom_site.Cartn_y\n_atom_site.Cartn_z\nC A 1.0 2.0 3.0\nN B 1.5 2.5 3.5\n#\n\
    _pdbx_struct_assembly_gen.assembly_id 1\n_pdbx_struct_assembly_gen.oper_expression '(1)'\n\
    _pdbx_struct_assembly_gen.asym_id_list A,B\n#\nloop_\n_pdbx_struct_oper_list.id\n\
    _pdbx_struct_oper_list.matrix[1][1]\n_pdbx_struct_oper_list.matrix[1][2]\n_pdbx_struct_oper_list.matrix[1][3]\n\
    _pdbx_struct_oper_list.vector[1]\n_pdbx_struct_oper_list.matrix[2][1]\n_pdbx_struct_oper_list.matrix[2][2]\n\
    _pdbx_struct_oper_list.matrix[2][3]\n_pdbx_struct_oper_list.vector[2]\n_pdbx_struct_oper_list.matrix[3][1]\n\
    _pdbx_struct_oper_list.matrix[3][2]\n_pdbx_struct_oper_list.matrix[3][3]\n_pdbx_struct_oper_list.vector[3]\n\
    1 1 0 0 0 0 1 0 0 0 0 1 0\n";

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn pdb() -> String {
    format!(
        "HEADER    TEST\nREMARK 350 BIOMOLECULE: 1\nREMARK 350 APPLY THE FOLLOWING TO CHAINS: S\n\
         REMARK 350   BIOMT1   1  1.000000  0.000000  0.000000        0.00000\n\
         REMARK 350   BIOMT2   1  0.000000  1.000000  0.000000        0.00000\n\
         REMARK 350   BIOMT3   1  0.000000  0.000000  1.000000        0.00000\n{}END\n",
        ATOM.repeat(4)
    )
}

#[test]
fn whole_files_are_read() {
    for text in [pdb().as_str(), CIF] {
        let plain = parse(text.as_bytes(), "a").unwrap();
        let packed = parse(&gzip(text.as_bytes()), "a.gz").unwrap();
        assert_eq!(plain, packed);
        assert_eq!(plain.assemblies[0].operator_count(), 1);
        assert_eq!(
            plain.expand("1", 100).unwrap().atoms.len(),
            plain.atoms.len()
        );
    }
}

#[test]
fn carriage_returns_alone_end_lines() {
    let whole = parse(pdb().as_bytes(), "whole").unwrap();
    let old = parse(pdb().replace('\n', "\r").as_bytes(), "old").unwrap();
    assert!(whole.atoms.len() > 1);
    assert_eq!(old.atoms.len(), whole.atoms.len());
}

#[test]
fn every_truncation_and_every_byte_flip_is_survived() {
    let mut read = 0;
    for text in [pdb().as_str(), CIF] {
        let bytes = text.as_bytes();
        for end in 0..bytes.len() {
            read += usize::from(parse(&bytes[..end], "a").is_ok());
        }
        for at in 0..bytes.len() {
            for value in [0, b' ', b'9', b'-', b'\'', b'\n', b'_', 0xff] {
                let mut bent = bytes.to_vec();
                bent[at] = value;
                read += usize::from(parse(&bent, "a").is_ok());
            }
        }
        let packed = gzip(bytes);
        for end in 0..packed.len() {
            assert!(
                parse(&packed[..end], "a.gz").is_err(),
                "a cut gzip stream is an error, at {end}"
            );
        }
    }
    println!("{read} bent files could still be read");
    assert!(read > 1000);
}

#[test]
fn a_bomb_is_defused() {
    let bomb = gzip(&vec![b' '; 64 << 20]);
    let error = parse(&bomb, "bomb.pdb.gz").unwrap_err().to_string();
    assert!(error.contains("64-fold"), "{error}");
}

#[test]
fn other_files_are_refused() {
    for other in [
        "",
        "hello\n",
        "HEADER    X\n",
        "data_x\n_a.b 1\n",
        "REMARK 350 BIOMT\n",
    ] {
        let error = parse(other.as_bytes(), "a").unwrap_err().to_string();
        assert!(
            error.contains("neither PDB nor mmCIF"),
            "{other:?}: {error}"
        );
    }
}
