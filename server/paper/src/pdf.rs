//! A PDF that is written while it is made: each object leaves as soon as it is whole, and only its place is remembered. Fonts come last, when it is
//! known which characters were used.

use crate::{
    PaperError, Result,
    face::{Faces, Used},
};
use flate2::{Compression, write::ZlibEncoder};
use pdf_writer::{
    Chunk, Filter, Finish, Name, Rect, Ref, Settings, Str, TextStr,
    types::{CidFontType, FontFlags, SystemInfo, UnicodeCmap},
};
use std::io::Write;
use ttf_parser::{Face, RawFace, Tag};

/// A4 in points.
pub const WIDTH: f32 = 595.276;
pub const HEIGHT: f32 = 841.89;
/// Pages below one node of the page tree.
const KIDS: usize = 64;
/// Packs outlines nearly as well as the best, in a third of the time.
const EFFORT: Compression = Compression::new(3);

const ADOBE_IDENTITY: SystemInfo<'static> = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"Identity"), supplement: 0 };

pub struct Pdf<W: Write> {
    out: W,
    /// Bytes written.
    length: u64,
    /// Where each object begins, by its number; the first is number 1.
    offsets: Vec<u64>,
    packer: ZlibEncoder<Vec<u8>>,
    /// Nodes of the page tree that are full, with the number of their pages.
    nodes: Vec<(Ref, usize)>,
    /// The node that is being filled.
    node: Ref,
    kids: Vec<Ref>,
    root: Ref,
    catalog: Ref,
    info: Ref,
    /// What pages draw with; the same for all.
    resources: Ref,
    forms: Vec<Ref>,
}

impl<W: Write> Pdf<W> {
    pub fn begin(mut out: W) -> Result<Pdf<W>> {
        // Four bytes above 127 say that it is not text.
        let head = b"%PDF-1.7\n%\xe9\x82\xbb\xe9\x87\x8c\n";
        out.write_all(head)?;
        let mut pdf = Pdf {
            out,
            length: head.len() as u64,
            offsets: Vec::new(),
            packer: ZlibEncoder::new(Vec::new(), EFFORT),
            nodes: Vec::new(),
            node: Ref::new(1),
            kids: Vec::new(),
            root: Ref::new(1),
            catalog: Ref::new(1),
            info: Ref::new(1),
            resources: Ref::new(1),
            forms: Vec::new(),
        };
        pdf.catalog = pdf.number();
        pdf.info = pdf.number();
        pdf.root = pdf.number();
        pdf.resources = pdf.number();
        pdf.node = pdf.number();
        Ok(pdf)
    }

    /// A number for an object.
    fn number(&mut self) -> Ref {
        self.offsets.push(0);
        Ref::new(i32::try_from(self.offsets.len()).unwrap_or(i32::MAX))
    }

    /// Writes one object out.
    fn object(&mut self, id: Ref, write: impl FnOnce(&mut Chunk)) -> Result<()> {
        let mut chunk = Chunk::with_settings(Settings { pretty: false });
        write(&mut chunk);
        let place = usize::try_from(id.get()).ok().and_then(|n| self.offsets.get_mut(n - 1));
        if let Some(offset) = place {
            *offset = self.length;
        }
        self.raw(chunk.as_bytes())
    }

    fn raw(&mut self, bytes: &[u8]) -> Result<()> {
        self.out.write_all(bytes)?;
        self.length += bytes.len() as u64;
        Ok(())
    }

    fn packed(&mut self, bytes: &[u8]) -> Result<Vec<u8>> {
        self.packer.write_all(bytes)?;
        Ok(self.packer.reset(Vec::with_capacity(bytes.len() / 2))?)
    }

    /// What stands on every page, to be drawn by its name, `F0`, `F1` …
    pub fn form(&mut self, content: &[u8]) -> Result<()> {
        let (id, resources, packed) = (self.number(), self.resources, self.packed(content)?);
        self.forms.push(id);
        self.object(id, |chunk| {
            let mut form = chunk.form_xobject(id, &packed);
            form.bbox(Rect::new(0.0, 0.0, WIDTH, HEIGHT));
            form.filter(Filter::FlateDecode).pair(Name(b"Resources"), resources);
        })
    }

    pub fn page(&mut self, content: &[u8]) -> Result<()> {
        let (page, contents) = (self.number(), self.number());
        let packed = self.packed(content)?;
        let (node, resources) = (self.node, self.resources);
        self.object(contents, |chunk| {
            chunk.stream(contents, &packed).filter(Filter::FlateDecode);
        })?;
        self.object(page, |chunk| {
            let mut page = chunk.page(page);
            page.parent(node).media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT)).contents(contents);
            page.pair(Name(b"Resources"), resources);
        })?;
        self.kids.push(page);
        if self.kids.len() == KIDS { self.end_node() } else { Ok(()) }
    }

    fn end_node(&mut self) -> Result<()> {
        let (node, root, kids) = (self.node, self.root, std::mem::take(&mut self.kids));
        let count = i32::try_from(kids.len()).unwrap_or(i32::MAX);
        self.object(node, |chunk| {
            chunk.pages(node).parent(root).count(count).kids(kids.iter().copied());
        })?;
        self.nodes.push((node, kids.len()));
        self.node = self.number();
        Ok(())
    }

    /// Writes the fonts and where everything is.
    pub fn finish(mut self, title: &str, faces: &Faces) -> Result<W> {
        // A node has at least one page, and a document at least one node.
        if !self.kids.is_empty() || self.nodes.is_empty() {
            self.end_node()?;
        }
        // The number taken for the node that is not needed any more.
        let spare = self.node;
        self.object(spare, |chunk| chunk.indirect(spare).primitive(0))?;
        let fonts = self.fonts(&faces.used)?;
        self.tables(title, &fonts)?;
        self.places()?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn tables(&mut self, title: &str, fonts: &[(usize, Ref)]) -> Result<()> {
        let (root, catalog, info, resources) = (self.root, self.catalog, self.info, self.resources);
        let (nodes, forms) = (std::mem::take(&mut self.nodes), std::mem::take(&mut self.forms));
        let count = i32::try_from(nodes.iter().map(|(_, count)| count).sum::<usize>()).unwrap_or(i32::MAX);
        self.object(root, |chunk| {
            chunk.pages(root).count(count).kids(nodes.iter().map(|(node, _)| *node));
        })?;
        self.object(resources, |chunk| {
            let mut all = chunk.indirect(resources).dict();
            let mut dict = all.insert(Name(b"Font")).dict();
            for (face, font) in fonts {
                dict.pair(Name(font_name(*face).as_bytes()), *font);
            }
            dict.finish();
            let mut dict = all.insert(Name(b"XObject")).dict();
            for (i, form) in forms.iter().enumerate() {
                dict.pair(Name(form_name(i).as_bytes()), *form);
            }
        })?;
        self.object(catalog, |chunk| {
            // As a plain dictionary: the typed writer belongs to a document that is kept whole.
            let mut catalog = chunk.indirect(catalog).dict();
            catalog.pair(Name(b"Type"), Name(b"Catalog")).pair(Name(b"Pages"), root).pair(Name(b"Lang"), TextStr("zh-CN"));
            // As large as it is made: a QR code of 70 mm stays one.
            catalog.insert(Name(b"ViewerPreferences")).dict().pair(Name(b"PrintScaling"), Name(b"None")).pair(Name(b"DisplayDocTitle"), true);
        })?;
        self.object(info, |chunk| {
            chunk.indirect(info).dict().pair(Name(b"Title"), TextStr(title)).pair(Name(b"Producer"), TextStr("Linli"));
        })
    }

    /// The faces that were used, each with only its used glyphs.
    fn fonts(&mut self, used: &[Used]) -> Result<Vec<(usize, Ref)>> {
        let mut fonts = Vec::new();
        for (i, face) in used.iter().enumerate().filter(|(_, face)| !face.glyphs.is_empty()) {
            fonts.push((i, self.font(i, face)?));
        }
        Ok(fonts)
    }

    fn font(&mut self, number: usize, used: &Used) -> Result<Ref> {
        let wrong = |e: &dyn std::fmt::Display| PaperError::Font(e.to_string());
        let subset = subsetter::subset(&used.data, used.index, &used.remapper).map_err(|e| wrong(&e))?;
        let face = Face::parse(&used.data, used.index).map_err(|e| wrong(&e))?;
        let scale = 1000.0 / f32::from(face.units_per_em());
        let of = |value: i16| f32::from(value) * scale;
        let is_cff = face.tables().cff.is_some();
        // Of a face with PostScript outlines only these go in.
        let raw = RawFace::parse(&subset, 0).map_err(|e| wrong(&e))?;
        let program = if is_cff { raw.table(Tag::from_bytes(b"CFF ")).unwrap_or(&subset) } else { &subset };
        let program = self.packed(program)?;
        let name = format!("LINLI{}+NotoSansSC-{number}", char::from(b'A' + u8::try_from(number % 26).unwrap_or(0)));
        let (font, cid, descriptor, file, cmap) = (self.number(), self.number(), self.number(), self.number(), self.number());
        self.object(font, |chunk| {
            let mut font = chunk.type0_font(font);
            font.base_font(Name(name.as_bytes())).encoding_predefined(Name(b"Identity-H")).descendant_font(cid).to_unicode(cmap);
        })?;
        self.object(cid, |chunk| {
            let mut cid_font = chunk.cid_font(cid);
            cid_font.subtype(if is_cff { CidFontType::Type0 } else { CidFontType::Type2 }).base_font(Name(name.as_bytes()));
            cid_font.system_info(ADOBE_IDENTITY).font_descriptor(descriptor).default_width(1000.0);
            if !is_cff {
                cid_font.cid_to_gid_map_predefined(Name(b"Identity"));
            }
            let mut widths = cid_font.widths();
            // A Chinese character is as wide as the default.
            for (glyph, (_, width)) in used.glyphs.iter().filter(|(_, (_, width))| (width - 1000.0).abs() > 0.01) {
                widths.same(*glyph, *glyph, *width);
            }
        })?;
        let bounds = face.global_bounding_box();
        self.object(descriptor, |chunk| {
            let mut told = chunk.font_descriptor(descriptor);
            told.name(Name(name.as_bytes())).flags(FontFlags::SYMBOLIC).italic_angle(0.0).stem_v(if number == 1 { 140.0 } else { 80.0 });
            told.bbox(Rect::new(of(bounds.x_min), of(bounds.y_min), of(bounds.x_max), of(bounds.y_max)));
            told.ascent(of(face.ascender())).descent(of(face.descender())).cap_height(of(face.capital_height().unwrap_or(733)));
            if is_cff {
                told.font_file3(file);
            } else {
                told.font_file2(file);
            }
        })?;
        self.object(file, |chunk| {
            let mut stream = chunk.stream(file, &program);
            stream.filter(Filter::FlateDecode);
            if is_cff {
                stream.pair(Name(b"Subtype"), Name(b"CIDFontType0C"));
            }
        })?;
        let mut readable = UnicodeCmap::new(Name(b"Linli"), ADOBE_IDENTITY);
        used.glyphs.iter().for_each(|(glyph, (c, _))| readable.pair(*glyph, *c));
        let packed = self.packed(&readable.finish())?;
        self.object(cmap, |chunk| {
            chunk.cmap(cmap, &packed).filter(Filter::FlateDecode);
        })?;
        Ok(font)
    }

    /// The table of places, and where it is.
    fn places(&mut self) -> Result<()> {
        let begin = self.length;
        let size = self.offsets.len() + 1;
        self.raw(format!("xref\n0 {size}\n0000000000 65535 f \n").as_bytes())?;
        for offset in std::mem::take(&mut self.offsets) {
            self.raw(format!("{offset:010} 00000 n \n").as_bytes())?;
        }
        let (root, info) = (self.catalog.get(), self.info.get());
        self.raw(format!("trailer\n<</Size {size}/Root {root} 0 R/Info {info} 0 R>>\nstartxref\n{begin}\n%%EOF\n").as_bytes())
    }
}

pub fn font_name(face: usize) -> String {
    format!("T{face}")
}

pub fn form_name(form: usize) -> String {
    format!("F{form}")
}
