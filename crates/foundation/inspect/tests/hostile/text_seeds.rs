//! One small text of each text kind, as a seed.
use thon_inspect::Kind;

/// Kind and text.
pub(crate) const TEXTS: [(Kind, &str); 24] = [
    (
        Kind::Star,
        "# version 50001\n\ndata_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnImagePixelSize #2\n1 1.5\n\n\
                      data_particles\n\nloop_\n_rlnCoordinateX\n_rlnImageName\n1.5 000001@a.mrcs\n2.5 'b c.mrcs'\n",
    ),
    (
        Kind::Star,
        "data_general\n\n_rlnFinalResolution 3.5\n_rlnDefocusU -12000 # comment\n_rlnText \"a b\"\n",
    ),
    (
        Kind::AtomicModel,
        "ATOM      1  N   ARG S  10      -3.093 213.890 338.998  0.50 12.25           N\n\
                             REMARK 350 BIOMOLECULE: 1\nREMARK 350 APPLY THE FOLLOWING TO CHAINS: S\n\
                             REMARK 350   BIOMT1   1  1.000000  0.000000  0.000000        0.00000\n\
                             REMARK 350   BIOMT2   1  0.000000  1.000000  0.000000        0.00000\n\
                             REMARK 350   BIOMT3   1  0.000000  0.000000  1.000000        0.00000\n",
    ),
    (
        Kind::AtomicModel,
        "data_x\nloop_\n_atom_site.type_symbol\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n\
                             _atom_site.Cartn_z\nC 1 2 3\nN 4 5 6\n#\n_pdbx_struct_assembly_gen.assembly_id 1\n\
                             _pdbx_struct_assembly_gen.oper_expression '(1-2)(1)'\n\
                             _pdbx_struct_assembly_gen.asym_id_list A\n#\nloop_\n_pdbx_struct_oper_list.id\n\
                             _pdbx_struct_oper_list.matrix[1][1]\n\
                             _pdbx_struct_oper_list.matrix[1][2]\n\
                             _pdbx_struct_oper_list.matrix[1][3]\n\
                             _pdbx_struct_oper_list.vector[1]\n\
                             _pdbx_struct_oper_list.matrix[2][1]\n\
                             _pdbx_struct_oper_list.matrix[2][2]\n\
                             _pdbx_struct_oper_list.matrix[2][3]\n\
                             _pdbx_struct_oper_list.vector[2]\n\
                             _pdbx_struct_oper_list.matrix[3][1]\n\
                             _pdbx_struct_oper_list.matrix[3][2]\n\
                             _pdbx_struct_oper_list.matrix[3][3]\n\
                             _pdbx_struct_oper_list.vector[3]\n\
                             1 1 0 0 0 0 1 0 0 0 0 1 0\n2 0 -1 0 5 1 0 0 6 0 0 1 7\n_struct.title\n;\ntext\n;\n",
    ),
    (
        Kind::Mdoc,
        "PixelSpacing = 1.35\nImageFile = a.mrc\n\n[T = SerialEM: axis = 85.3]\n\n[ZValue = 0]\n\
                      TiltAngle = -60.01\nExposureDose = 3\nSubFramePath = X:\\a.tif\nDateTime = 21-Nov-26  10:00:00\n\
                      FrameDosesAndNumber = 0.3 10\n\n[ZValue = 1]\nTiltAngle = -57\n",
    ),
    (
        Kind::AretomoAlignment,
        "# AreTomo Alignment / Priims bprmMn \n# RawSize = 512 512 3\n# NumPatches = 1\n\
                                  # DarkFrame = 0 0 -60.0\n# SEC ROT GMAG TX TY SMEAN SFIT SCALE BASE TILT\n\
                                  1 85.1 1.0 2.5 -3.5 1 1 1 0 -3.0\n2 85.1 1.0 2.5 -3.5 1 1 1 0 0.0\n\
                                  # Local Alignment\n0 0 1.0 2.0 0.1 0.2 1.0\n1 0 1.0 2.0 0.1 0.2 1.0\n",
    ),
    (
        Kind::NumberTable,
        "# angle dose\n-60.0 1.5\n-57.0, 1.5\n-54.0\t1.5\n",
    ),
    (
        Kind::Transforms,
        "1.0 0.0 0.0 1.0 2.5 -3.5\n0.99 0.01 -0.01 0.99 -1.0 4.0\n",
    ),
    (
        Kind::Defocus,
        "1 0 0.0 0.0 0.0 3\n1 1 -57.0 -57.0 1651.6 1206.7 31.76\n2 2 -54.0 -54.0 1563.8 1116.2 31.7\n",
    ),
    (
        Kind::Residuals,
        "  2 residuals\n  281.19 236.96 0 -0.20 0.17\n  280.08 237.22 1 -0.31 0.33\n",
    ),
    (
        Kind::Fiducials,
        "   1 244.5 242.6 46.2 1 1 Pix: 20.2 Dim: 512 512\n   2 297.6 218.4 -34.8 1 2\n",
    ),
    (
        Kind::LocalAlignment,
        "1 1 235 171 149 133 0 20.2 1\n0.07 0.05\n0.0 0.0\n0.0 0.0\n\
                                1 0 0 1 0 0\n1 0 0 1 0 0\n",
    ),
    (
        Kind::DynamoTable,
        "1 1 1 0.9 -2.8 4.9 172.9 96.2 52.6 0.5 0 0 1 -60 60 -60 60 0 0 1 0 0 1 263.5 1375 171\n\
                             2 1 1 0.9+0i 2 4 172 96 52 0.5 0 0 1 -60 60 -60 60 0 0 1 0 0 1 263.5 1375 171\n",
    ),
    (
        Kind::CommandFile,
        "# comment\n$setenv A 1\n$tilt -StandardInput\nInputProjections a.ali\nOutputFile a.rec\n\
                             IMAGEBINNED 1\nEXCLUDELIST 1,3-5\n$if (-e ./savework) ./savework\n",
    ),
    (
        Kind::KeyValueFile,
        "#Mon Mar 15\nSetup.AxisType=Dual Axis\nfnVolume = {'a', 'b'}\nfnVolume = {}\n",
    ),
    (Kind::Csv, "name,x,y\n\"a,b\",1,2\nc,3,4\n"),
    (
        Kind::Json,
        "{\"zarr_format\": 2, \"shape\": [1, 2, 3], \"a\": {\"b\": [null, true, 1e5, \"x\\u00e9\"]}}",
    ),
    (
        Kind::JsonLines,
        "{\"type\": \"point\", \"x\": 1.5}\n{\"type\": \"point\", \"x\": 2.5}\n",
    ),
    (
        Kind::Xml,
        "<?xml version=\"1.0\"?>\n<TiltSeries A=\"1\">\n<Angles>-57.0&#10;-54.0</Angles>\n<UseTilt>True&#10;False</UseTilt>\n\
                     <Grid><Node X=\"0\" Value=\"1.5\"/></Grid><![CDATA[<]]>\n</TiltSeries>\n",
    ),
    (
        Kind::Xml,
        "<!DOCTYPE a [<!ENTITY b \"c\"><!ENTITY d \"&b;&b;&b;\">]>\n<a>&d;</a>\n",
    ),
    (
        Kind::Xml,
        "<ParticleList>\n<Particle Filename=\"a.em\"><Rotation X=\"1\" Z1=\"2\" Z2=\"3\"/><Shift X=\"0\" Y=\"0\" Z=\"0\"/><PickPosition X=\"1\" Y=\"2\" Z=\"3\" Origin=\"\"/><Score Type=\"FLCF\" Value=\"0.5\"/></Particle>\n</ParticleList>\n",
    ),
    (
        Kind::CtfResults,
        "# Output from CTFFind version 4.1\n1 25951.41 24469.37 88.08 0.00 -0.0105 24.6784\n2 24973.29 23547.11 83.57 0.00 -0.0030 inf\n",
    ),
    (
        Kind::CtfResults,
        "# Output from CTFFind\n# 6 lines per micrograph: #1\n0 0.1 0.2\n1 1 1\n1 1 1\n1 1 1\n1 1 1\n1 1 1\n",
    ),
    (Kind::Text, "Output from CTFFind\nwords and\tmore words\n"),
];
