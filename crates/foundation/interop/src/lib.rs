//! Foreign conventions end here: RELION, IMOD, AreTomo files to the model and back.
