//! Golden vectors of all Euler conventions in both directions, random rotations, gimbal cases.

use glam::{DMat3, DQuat, DVec3};
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use thon_geometry::{Particle, Rotation, Specimen};
use thon_interop::euler::{DynamoAngles, EmanAngles, MotlAngles, RelionAngles, RotationVector};

type R = Rotation<Particle, Specimen>;

fn rows(rows: [[f64; 3]; 3]) -> DMat3 {
    DMat3::from_cols_array_2d(&rows).transpose()
}

fn close(a: DMat3, b: DMat3, tolerance: f64) -> bool {
    a.abs_diff_eq(b, tolerance)
}

struct Golden {
    relion: [f64; 3],
    matrix: Option<[[f64; 3]; 3]>,
    motl: Option<[f64; 3]>,
    dynamo: Option<[f64; 3]>,
    eman: Option<[f64; 3]>,
    vector: Option<[f64; 3]>,
}

fn golden() -> Vec<Golden> {
    let general = |relion, matrix, motl, dynamo, eman, vector| Golden {
        relion,
        matrix: Some(matrix),
        motl: Some(motl),
        dynamo: Some(dynamo),
        eman: Some(eman),
        vector: Some(vector),
    };
    let bare = |relion, matrix, motl, dynamo| Golden {
        relion,
        matrix: Some(matrix),
        motl,
        dynamo,
        eman: None,
        vector: None,
    };
    vec![
        general(
            [30.0, 40.0, 50.0],
            [
                [0.043412, 0.909616, -0.413176],
                [-0.829598, 0.263258, 0.492404],
                [0.556670, 0.321394, 0.766044],
            ],
            [60.0, -140.0, 40.0],
            [-40.0, 40.0, 120.0],
            [120.0, 40.0, -40.0],
            [-0.131288, -0.744573, -1.335235],
        ),
        general(
            [-10.0, 120.0, 75.0],
            [
                [0.040288, 0.973723, -0.224144],
                [0.520569, 0.171021, 0.836516],
                [0.852869, -0.150384, -0.500000],
            ],
            [100.0, -165.0, 120.0],
            [-15.0, 120.0, 80.0],
            [80.0, 120.0, -15.0],
            [-1.465354, -1.599153, -0.672845],
        ),
        bare(
            [0.0, 90.0, 0.0],
            [[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]],
            None,
            None,
        ),
        bare(
            [0.0, 0.0, 90.0],
            [[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]],
            Some([90.0, -180.0, 0.0]),
            Some([0.0, 0.0, 90.0]),
        ),
        bare(
            [90.0, 90.0, 90.0],
            [[-1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, 1.0, 0.0]],
            Some([0.0, -180.0, 90.0]),
            None,
        ),
    ]
}

/// Angles agree up to full turns.
fn same_angles(found: [f64; 3], expected: [f64; 3]) -> bool {
    found.iter().zip(expected).all(|(a, b)| {
        let between = (a - b).rem_euclid(360.0);
        between.min(360.0 - between) < 1e-6
    })
}

#[test]
fn golden_vectors_forwards() {
    for g in golden() {
        let [rot, tilt, psi] = g.relion;
        let rotation = RelionAngles::new(rot, tilt, psi).rotation();
        let matrix = rotation.matrix();
        if let Some(expected) = g.matrix {
            assert!(close(matrix, rows(expected), 1e-6), "{:?}", g.relion);
        }
        if let Some([phi, psi, theta]) = g.motl {
            assert!(close(
                MotlAngles::new(phi, psi, theta).rotation().matrix(),
                matrix,
                1e-12
            ));
        }
        if let Some([tdrot, tilt, narot]) = g.dynamo {
            assert!(close(
                DynamoAngles::new(tdrot, tilt, narot).rotation().matrix(),
                matrix,
                1e-12
            ));
        }
        if let Some([az, alt, phi]) = g.eman {
            assert!(close(
                EmanAngles::new(az, alt, phi).rotation().matrix(),
                matrix,
                1e-12
            ));
        }
        if let Some(vector) = g.vector {
            let from = RotationVector(DVec3::from_array(vector))
                .rotation()
                .matrix();
            assert!(close(from, matrix, 2e-6));
        }
    }
}

#[test]
fn golden_vectors_backwards() {
    for g in golden() {
        let [rot, tilt, psi] = g.relion;
        let rotation = RelionAngles::new(rot, tilt, psi).rotation();
        let gimbal = tilt == 0.0;
        let back = RelionAngles::of(rotation);
        assert!(same_angles([back.rot.0, back.tilt.0, back.psi.0], g.relion));
        if gimbal {
            continue;
        }
        if let Some(expected) = g.motl {
            let a = MotlAngles::of(rotation);
            assert!(same_angles([a.phi.0, a.psi.0, a.theta.0], expected));
        }
        if let Some(expected) = g.dynamo {
            let a = DynamoAngles::of(rotation);
            assert!(same_angles([a.tdrot.0, a.tilt.0, a.narot.0], expected));
        }
        if let Some(expected) = g.eman {
            let a = EmanAngles::of(rotation);
            assert!(same_angles([a.az.0, a.alt.0, a.phi.0], expected));
        }
        if let Some(expected) = g.vector {
            let v = RotationVector::of(rotation).0;
            assert!((v - DVec3::from_array(expected)).length() < 2e-6, "{v}");
        }
    }
}

fn worst_of_all_conversions(rotation: R) -> f64 {
    [
        RelionAngles::of(rotation).rotation(),
        MotlAngles::of(rotation).rotation(),
        DynamoAngles::of(rotation).rotation(),
        EmanAngles::of(rotation).rotation(),
        RotationVector::of(rotation).rotation(),
    ]
    .iter()
    .map(|back| {
        let difference = back.matrix() - rotation.matrix();
        difference
            .to_cols_array()
            .iter()
            .fold(0.0, |worst: f64, x| worst.max(x.abs()))
    })
    .fold(0.0, f64::max)
}

fn uniform(random: &mut impl Rng, low: f64, high: f64) -> f64 {
    low + (high - low) * random.random::<f64>()
}

#[test]
fn random_rotations_survive_every_convention() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut worst: f64 = 0.0;
    for _ in 0..1000 {
        let q = DQuat::from_xyzw(
            uniform(&mut random, -1.0, 1.0),
            uniform(&mut random, -1.0, 1.0),
            uniform(&mut random, -1.0, 1.0),
            uniform(&mut random, -1.0, 1.0),
        );
        worst = worst.max(worst_of_all_conversions(R::from_quaternion(q)));
    }
    assert!(worst < 1e-6, "{worst}");
}

#[test]
fn gimbal_cases_survive_every_convention() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let mut worst: f64 = 0.0;
    for tilt in [
        0.0,
        180.0,
        1e-12,
        1e-9,
        1e-7,
        1e-5,
        180.0 - 1e-7,
        180.0 - 1e-12,
        -1e-9,
        90.0,
    ] {
        for _ in 0..100 {
            let rot = uniform(&mut random, -180.0, 180.0);
            let psi = uniform(&mut random, -180.0, 180.0);
            let rotation = RelionAngles::new(rot, tilt, psi).rotation();
            worst = worst.max(worst_of_all_conversions(rotation));
        }
    }
    assert!(worst < 1e-6, "{worst}");
}
