//! Creates components that no compiler produces: guests that are patched, enlarged or damaged.
//!
//! A component is a preamble followed by sections, each with an id, a length and its content. Appending a section, or
//! replacing bytes by the same number of bytes, changes nothing else.

use wasm_encoder::{
    CodeSection, Component, ComponentExportKind, Function, FunctionSection, InstanceSection, MemorySection, MemoryType,
    Module, ModuleSection, RefType, StartSection, TableSection, TableType, TypeSection, ValType,
};

use crate::artifacts::guest;

const PREAMBLE_BYTES: usize = 8;
const CORE_MODULE_SECTION: u8 = 1;

/// Returns the bytes of a guest in `tests/guests`.
#[track_caller]
pub fn component(name: &str) -> Vec<u8> {
    std::fs::read(guest(name)).expect("the guest")
}

/// Returns the guest `describes` in this mode.
#[track_caller]
pub fn describing(mode: &str) -> Vec<u8> {
    const FIELD: &[u8] = b"jobhost-tests:describe=";
    const FIELD_BYTES: usize = 48;
    let mut bytes = component("describes");
    let place = only(&bytes, FIELD) + FIELD.len();
    let word = format!("{mode:width$}", width = FIELD_BYTES - FIELD.len());
    bytes[place..place + word.len()].copy_from_slice(word.as_bytes());
    bytes
}

/// Returns the guest `grows` with the instruction `table.grow`.
#[track_caller]
pub fn growing() -> Vec<u8> {
    // local.get 0; i32.const MARK; i32.xor
    const MARKED: &[u8] = &[0x20, 0x00, 0x41, 0x81, 0xc0, 0xc7, 0xd5, 0x07, 0x73];
    // ref.null func; local.get 0; table.grow 0; nop; nop
    const GROW: &[u8] = &[0xd0, 0x70, 0x20, 0x00, 0xfc, 0x0f, 0x00, 0x01, 0x01];
    let mut bytes = component("grows");
    let place = only(&bytes, MARKED);
    bytes[place..place + GROW.len()].copy_from_slice(GROW);
    bytes
}

/// Returns a guest with every occurrence of a name replaced by another of the same length.
#[track_caller]
pub fn renamed(name: &str, from: &str, to: &str) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "lengths are part of the format");
    let mut bytes = component(name);
    let places = find_all(&bytes, from.as_bytes());
    assert!(!places.is_empty(), "{name} has no {from}");
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
    }
    bytes
}

/// Adds a core module to a component, and instantiates it this many times.
pub fn enlarged(component: &[u8], module: &Module, instances: usize) -> Vec<u8> {
    let index = core_modules(component);
    let mut added = Component::new();
    added.section(&ModuleSection(module));
    let mut section = InstanceSection::new();
    for _ in 0..instances {
        section.instantiate::<[(&str, wasm_encoder::ModuleArg); 0], &str>(index, []);
    }
    if instances > 0 {
        added.section(&section);
    }
    [component, &added.finish()[PREAMBLE_BYTES..]].concat()
}

/// A module with this many tables of this many elements each.
pub fn tables(count: usize, elements: u64) -> Module {
    let mut section = TableSection::new();
    for _ in 0..count {
        let element_type = RefType::FUNCREF;
        section.table(TableType { element_type, table64: false, minimum: elements, maximum: None, shared: false });
    }
    let mut module = Module::new();
    module.section(&section);
    module
}

/// A module with a memory of this many pages.
pub fn memory(pages: u64) -> Module {
    let mut section = MemorySection::new();
    section.memory(MemoryType { minimum: pages, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut module = Module::new();
    module.section(&section);
    module
}

/// A module that loops forever when it is instantiated.
pub fn spinning() -> Module {
    let mut body = Function::new([]);
    body.instructions().loop_(wasm_encoder::BlockType::Empty).br(0).end().end();
    let mut types = TypeSection::new();
    types.ty().function([], []);
    let mut functions = FunctionSection::new();
    functions.function(0);
    let mut code = CodeSection::new();
    code.function(&body);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&StartSection { function_index: 0 }).section(&code);
    module
}

/// A module with this many functions of this many instructions each. The functions share nothing that would make them
/// cheap to compile.
pub fn laborious(functions: u32, rounds: u32) -> Module {
    const LOCALS: u32 = 200;
    let mut types = TypeSection::new();
    types.ty().function([ValType::I64], [ValType::I64]);
    let mut section = FunctionSection::new();
    let mut code = CodeSection::new();
    for function in 0..functions {
        section.function(0);
        let mut body = Function::new([(LOCALS, ValType::I64)]);
        let mut write = body.instructions();
        for round in 0..rounds {
            // Every local stays live across branches that the compiler cannot merge.
            let (from, to) = ((round * 7 + function) % LOCALS, (round * 13 + 5) % LOCALS);
            write.local_get(from).i64_const(i64::from(round)).i64_add().local_get(to).i64_mul().local_tee(to);
            write.i64_eqz().if_(wasm_encoder::BlockType::Empty).local_get(to).local_set(from).end();
        }
        write.local_get(0).end();
        code.function(&body);
    }
    let mut module = Module::new();
    module.section(&types).section(&section).section(&code);
    module
}

/// A component for a different world: it exports a core module and nothing else.
pub fn of_another_world() -> Vec<u8> {
    let mut component = Component::new();
    component.section(&ModuleSection(&Module::new()));
    let mut exports = wasm_encoder::ComponentExportSection::new();
    exports.export("module", ComponentExportKind::Module, 0, None);
    component.section(&exports);
    component.finish()
}

/// Returns a copy in which every 97th byte is changed, or a single byte, depending on the seed.
pub fn damaged(component: &[u8], seed: usize) -> Vec<u8> {
    const DISTANCE: usize = 97;
    let mut bytes = component.to_vec();
    let flip = u8::try_from(seed % 255).expect("a byte") + 1;
    // The odd multiplier spreads the seeds over the whole component.
    let first = seed.wrapping_mul(2_654_435_761) % bytes.len();
    if seed.is_multiple_of(2) {
        bytes.iter_mut().skip(first % DISTANCE).step_by(DISTANCE).for_each(|byte| *byte ^= flip);
    } else {
        bytes[first] ^= flip;
    }
    bytes
}

fn core_modules(component: &[u8]) -> u32 {
    let mut count = 0;
    let mut rest = &component[PREAMBLE_BYTES..];
    while let Some((&id, after)) = rest.split_first() {
        let (length, after) = leb(after);
        count += u32::from(id == CORE_MODULE_SECTION);
        rest = &after[length..];
    }
    count
}

/// Decodes an unsigned LEB128 number, and returns the bytes after it.
fn leb(bytes: &[u8]) -> (usize, &[u8]) {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0).expect("a number that ends");
    let (number, rest) = bytes.split_at(end + 1);
    (number.iter().rev().fold(0, |value, byte| (value << 7) | usize::from(byte & 0x7f)), rest)
}

/// Returns the position of `wanted`, which must occur exactly once.
#[track_caller]
fn only(bytes: &[u8], wanted: &[u8]) -> usize {
    match find_all(bytes, wanted).as_slice() {
        [place] => *place,
        places => panic!("{:x?} is {} times in the component", wanted, places.len()),
    }
}

fn find_all(bytes: &[u8], wanted: &[u8]) -> Vec<usize> {
    let windows = bytes.windows(wanted.len()).enumerate();
    windows.filter(|(_, window)| *window == wanted).map(|(place, _)| place).collect()
}
