/*
 * plugin/elf.c: is this file a plugin for this machine? Told from its bytes, because dlopen()
 * already runs a library's constructors.
 *
 * Read: the header, the program headers, and through the dynamic segment the symbol table, as the
 * loader itself does; section headers may be stripped and are not looked at. Every offset is
 * checked against the bytes that are there.
 *
 * Source of the formats: elf(5), System V gABI chapter 5, and glibc's elf/dl-lookup.c for
 * DT_GNU_HASH.
 */
#include <elf.h>
#include <stdarg.h>

#include "base/mem.h"
#include "base/str.h"
#include "plugin/internal.h"

#define ENTRY "trueup_plugin_v1"
#define ENTRY_PREFIX "trueup_plugin_v"
#define SYMBOLS_LIMIT 1000000u

#if defined(__x86_64__)
#define OUR_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define OUR_MACHINE EM_AARCH64
#elif defined(__riscv)
#define OUR_MACHINE EM_RISCV
#elif defined(__powerpc64__)
#define OUR_MACHINE EM_PPC64
#elif defined(__s390x__)
#define OUR_MACHINE EM_S390
#else
#error "name this machine's ELF number here"
#endif
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define OUR_ORDER ELFDATA2LSB
#else
#define OUR_ORDER ELFDATA2MSB
#endif

static void refuse(tu_errors *errors, const char *path, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void refuse(tu_errors *errors, const char *path, const char *format, ...) {
    tu_error *e = NULL;
    char *text = NULL;
    va_list list;
    va_start(list, format);
    if (vasprintf(&text, format, list) < 0)
        text = NULL;
    va_end(list);
    if (text)
        tu_error_set(&e, TU_EINVALID, "%s %s", path, text);
    else
        tu_error_memory(&e);
    free(text);
    tu_errors_add(errors, e);
}

/* --- what it is instead ----------------------------------------------------------------------- */

static const struct {
    const char *begin;
    size_t n;
    const char *what;
} other_formats[] = {
    {"#!", 2, "a script"},
    {"!<arch>\n", 8, "a static library (.a)"},
    {"!<thin>\n", 8, "a static library (.a)"},
    {"MZ", 2, "a Windows program or DLL"},
    {"\xCF\xFA\xED\xFE", 4, "a macOS library"},
    {"\xCA\xFE\xBA\xBE", 4, "a macOS library or a Java class"},
    {"\0asm", 4, "a WebAssembly module"},
    {"PK\3\4", 4, "a zip archive"},
    {"\x1F\x8B", 2, "a gzip archive: unpack it first"},
    {"\x28\xB5\x2F\xFD", 4, "a zstd archive: unpack it first"},
    {"\xFD"
     "7zXZ",
     5, "an xz archive: unpack it first"},
    {"version https://git-lfs", 23, "a Git LFS pointer: run git lfs pull"},
    {"BC\xC0\xDE", 4, "LLVM bitcode"},
};

static bool is_text(tu_str bytes) {
    size_t n = bytes.n < 512 ? bytes.n : 512;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)bytes.p[i];
        if (c == 0x7F || (c < 0x20 && c != '\n' && c != '\r' && c != '\t'))
            return false;
    }
    return true;
}

static const char *what_else(tu_str bytes) {
    for (size_t i = 0; i < sizeof other_formats / sizeof *other_formats; i++)
        if (bytes.n >= other_formats[i].n &&
            memcmp(bytes.p, other_formats[i].begin, other_formats[i].n) == 0)
            return other_formats[i].what;
    return is_text(bytes) ? "a text file" : "data of an unknown kind";
}

static const char *machine_name(unsigned machine, char room[32]) {
    static const struct {
        unsigned machine;
        const char *name;
    } names[] = {{EM_X86_64, "x86-64"},  {EM_386, "32-bit x86"}, {EM_AARCH64, "arm64"},
                 {EM_ARM, "32-bit arm"}, {EM_RISCV, "riscv"},    {EM_PPC64, "ppc64"},
                 {EM_S390, "s390x"},     {EM_MIPS, "mips"},      {EM_LOONGARCH, "loongarch"}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].machine == machine)
            return names[i].name;
    snprintf(room, 32, "machine %u", machine);
    return room;
}

/* --- the dynamic segment ---------------------------------------------------------------------- */

typedef struct image {
    tu_str bytes;
    const Elf64_Ehdr *header;
    Elf64_Phdr *programs; /* copied: the file's own may be unaligned */
    uint64_t symbols, strings, string_bytes, hash, gnu_hash; /* addresses */
    bool is_program;
} image;

static bool in_file(const image *m, uint64_t offset, uint64_t n) {
    return offset <= m->bytes.n && n <= m->bytes.n - offset;
}

/* Copies n bytes from where the loader would have mapped the address. */
static bool read_at(const image *m, uint64_t address, void *out, size_t n) {
    for (unsigned i = 0; i < m->header->e_phnum; i++) {
        const Elf64_Phdr *p = &m->programs[i];
        if (p->p_type != PT_LOAD || address < p->p_vaddr || address - p->p_vaddr > p->p_filesz ||
            n > p->p_filesz - (address - p->p_vaddr))
            continue;
        uint64_t offset = address - p->p_vaddr;
        if (offset > UINT64_MAX - p->p_offset || !in_file(m, p->p_offset + offset, n))
            return false;
        memcpy(out, m->bytes.p + p->p_offset + offset, n);
        return true;
    }
    return false;
}

static void read_dynamic(image *m, const Elf64_Phdr *segment) {
    for (uint64_t at = 0; at + sizeof(Elf64_Dyn) <= segment->p_filesz; at += sizeof(Elf64_Dyn)) {
        Elf64_Dyn d;
        memcpy(&d, m->bytes.p + segment->p_offset + at, sizeof d);
        switch (d.d_tag) {
        case DT_NULL:
            return;
        case DT_SYMTAB:
            m->symbols = d.d_un.d_ptr;
            break;
        case DT_STRTAB:
            m->strings = d.d_un.d_ptr;
            break;
        case DT_STRSZ:
            m->string_bytes = d.d_un.d_val;
            break;
        case DT_HASH:
            m->hash = d.d_un.d_ptr;
            break;
        case DT_GNU_HASH:
            m->gnu_hash = d.d_un.d_ptr;
            break;
        case DT_FLAGS_1:
            m->is_program = (d.d_un.d_val & DF_1_PIE) != 0;
            break;
        default:
            break;
        }
    }
}

/* The symbol table has no length of its own: the hash tables know it. */
static uint32_t count_by_gnu_hash(const image *m) {
    uint32_t head[4], last = 0, entry; /* buckets, first symbol, bloom words, shift */
    if (!read_at(m, m->gnu_hash, head, sizeof head) || head[0] > SYMBOLS_LIMIT ||
        head[2] > SYMBOLS_LIMIT)
        return 0;
    uint64_t buckets = m->gnu_hash + sizeof head + (uint64_t)head[2] * 8;
    for (uint32_t i = 0; i < head[0]; i++) {
        if (!read_at(m, buckets + (uint64_t)i * 4, &entry, 4))
            return 0;
        last = entry > last ? entry : last;
    }
    if (last < head[1])
        return head[1];
    uint64_t chains = buckets + (uint64_t)head[0] * 4;
    for (; last < SYMBOLS_LIMIT; last++) {
        if (!read_at(m, chains + (uint64_t)(last - head[1]) * 4, &entry, 4))
            return 0;
        if (entry & 1)
            return last + 1;
    }
    return 0;
}

static uint32_t count_symbols(const image *m) {
    uint32_t head[2]; /* buckets, chain entries: one for each symbol */
    if (m->gnu_hash)
        return count_by_gnu_hash(m);
    if (m->hash && read_at(m, m->hash, head, sizeof head))
        return head[1] < SYMBOLS_LIMIT ? head[1] : 0;
    return 0;
}

/* Copies the symbol's name, cut to the room; false when it is outside. */
static bool read_name(const image *m, uint32_t offset, char *room, size_t size) {
    size_t n = 0;
    if (offset >= m->string_bytes)
        return false;
    for (; n + 1 < size && read_at(m, m->strings + offset + n, room + n, 1) && room[n]; n++)
        ;
    room[n] = '\0';
    return true;
}

static void check_symbols(const image *m, const char *path, tu_errors *errors) {
    char others[256] = "";
    size_t used = 0;
    uint32_t count = count_symbols(m);
    for (uint32_t i = 1; i < count; i++) {
        Elf64_Sym s;
        char name[64];
        if (!read_at(m, m->symbols + (uint64_t)i * sizeof s, &s, sizeof s))
            break;
        bool exported = s.st_shndx != SHN_UNDEF && ELF64_ST_BIND(s.st_info) != STB_LOCAL &&
                        ELF64_ST_VISIBILITY(s.st_other) != STV_HIDDEN;
        if (!exported || !read_name(m, s.st_name, name, sizeof name) ||
            strncmp(name, ENTRY_PREFIX, sizeof ENTRY_PREFIX - 1) != 0)
            continue;
        if (!strcmp(name, ENTRY)) {
            if (ELF64_ST_TYPE(s.st_info) != STT_FUNC)
                refuse(errors, path, "exports " ENTRY ", but not as a function");
            return;
        }
        int n = snprintf(others + used, sizeof others - used, "%s%s", used ? ", " : "", name);
        if (n > 0 && (size_t)n < sizeof others - used)
            used += (size_t)n;
    }
    if (used)
        refuse(errors, path,
               "is a plugin for another version of the contract: it exports %s, this trueup looks "
               "for " ENTRY,
               others);
    else
        refuse(errors, path,
               "is a library, but no trueup plugin: it doesn't export " ENTRY
               " (see trueup/plugin.h; is it built with TU_PLUGIN_EXPORT?)");
}

/* --- the checks ------------------------------------------------------------------------------- */

static bool check_header(const image *m, const char *path, tu_errors *errors) {
    const Elf64_Ehdr *h = m->header;
    size_t before = errors->n;
    char room[2][32];
    bool is_32 = h->e_ident[EI_CLASS] != ELFCLASS64;

    if (h->e_machine != OUR_MACHINE || is_32 || h->e_ident[EI_DATA] != OUR_ORDER)
        refuse(errors, path, "is built for %s%s, this is %s", machine_name(h->e_machine, room[0]),
               is_32                              ? " (32 bits)"
               : h->e_ident[EI_DATA] != OUR_ORDER ? " (other byte order)"
                                                  : "",
               machine_name(OUR_MACHINE, room[1]));
    if (h->e_type == ET_REL)
        refuse(errors, path, "is an object file: link it with -shared");
    else if (h->e_type == ET_EXEC)
        refuse(errors, path, "is a program, not a shared library");
    else if (h->e_type != ET_DYN)
        refuse(errors, path, "is not a shared library (ELF type %u)", h->e_type);
    if (errors->n != before)
        return false;
    if (h->e_phentsize != sizeof(Elf64_Phdr) ||
        !in_file(m, h->e_phoff, (uint64_t)h->e_phnum * sizeof(Elf64_Phdr))) {
        refuse(errors, path, "is cut off: its program headers are not in the file");
        return false;
    }
    return true;
}

/* Finds the dynamic segment, NULL when there is none; every segment must be in the file. */
static const Elf64_Phdr *check_segments(const image *m, const char *path, tu_errors *errors) {
    const Elf64_Phdr *dynamic = NULL;
    for (unsigned i = 0; i < m->header->e_phnum; i++) {
        const Elf64_Phdr *p = &m->programs[i];
        if (p->p_type != PT_LOAD && p->p_type != PT_DYNAMIC)
            continue;
        if (!in_file(m, p->p_offset, p->p_filesz)) {
            refuse(errors, path, "is cut off: it should have at least %llu bytes and has %zu",
                   (unsigned long long)(p->p_offset + p->p_filesz), m->bytes.n);
            return NULL;
        }
        if (p->p_type == PT_DYNAMIC)
            dynamic = p;
    }
    if (!dynamic)
        refuse(errors, path, "has no dynamic section: link it with -shared");
    return dynamic;
}

void tu_elf_check(tu_str bytes, const char *path, tu_errors *errors) {
    Elf64_Ehdr header;
    image m = {.bytes = bytes, .header = &header};
    const Elf64_Phdr *dynamic;

    if (bytes.n == 0) {
        refuse(errors, path, "is empty");
        return;
    }
    if (bytes.n < SELFMAG || memcmp(bytes.p, ELFMAG, SELFMAG) != 0) {
        refuse(errors, path, "is no plugin but %s", what_else(bytes));
        return;
    }
    if (bytes.n < sizeof header) {
        refuse(errors, path, "is cut off: %zu bytes are less than an ELF header", bytes.n);
        return;
    }
    memcpy(&header, bytes.p, sizeof header);
    if (!check_header(&m, path, errors))
        return;
    size_t table = (size_t)header.e_phnum * sizeof(Elf64_Phdr);
    m.programs = tu_xmalloc(table);
    memcpy(m.programs, bytes.p + header.e_phoff, table);
    dynamic = check_segments(&m, path, errors);
    if (dynamic) {
        read_dynamic(&m, dynamic);
        if (m.is_program)
            refuse(errors, path, "is a program, not a shared library");
        else
            check_symbols(&m, path, errors);
    }
    free(m.programs);
}
