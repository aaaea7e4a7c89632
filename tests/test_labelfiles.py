"""Labels that stand in a file beside the pictures, or in the names of the pictures."""

from __future__ import annotations

import json
import unicodedata
from pathlib import PurePosixPath

import numpy as np
import pytest

from glyphfront.data import load, load_all
from glyphfront.data.folder_names import read_mapping
from glyphfront.data.layout import find_pictures, pattern_of
from glyphfront.data.listing import File
from glyphfront.data.notes import Notes
from glyphfront.data.strokes import draw
from glyphfront.errors import GlyphfrontError
from layout_files import labels_of, noting, png, splits_of, write, writers_of

TABLES = {
    "with a header": "file,label\n1.png,a\n2.png,b\n",
    "columns the other way round": "label,filename\na,1.png\nb,2.png\n",
    "among others": "id,image,width,class\n7,1.png,60,a\n8,2.png,60,b\n",
    "without a header": "1.png,a\n2.png,b\n",
    "semicolons": "Image;Label\n1.png;a\n2.png;b\n",
    "tabs and CRLF": "image\tlabel\r\n1.png\ta\r\n2.png\tb\r\n",
    "quotes": '"file","label"\n"1.png","a"\n"2.png","b"\n',
    "a byte order mark": "\ufefffile,label\n1.png,a\n2.png,b\n",
    "names without endings": "file,label\n1,a\n2,b\n",
    "another ending": "file,label\n1.jpg,a\n2.jpg,b\n",
    "an object a line": '{"file_name": "1.png", "text": "a"}\n{"file_name": "2.png", "text": "b"}\n',
    "an object of files": '{"1.png": "a", "2.png": "b"}',
    "paths of another machine": "file,label\nC:\\shots\\1.png,a\nC:\\shots\\2.png,b\n",
    "spaces": "1.png a\n2.png b\n",
    "a name of its own for the labels": "file,grade\n1.png,a\n2.png,b\n",
    "a name of its own for the files": "label,where it is\na,1.png\nb,2.png\n",
    "names of its own for both": "where it is,what it is\n1.png,a\n2.png,b\n",
    "a header in another language": "datei,zeichen,jahr\n1.png,a,1\n2.png,b,2\n",
    "names of its own in JSON": '[{"src": "1.png", "is": "a"}, {"src": "2.png", "is": "b"}]',
    "the rows numbered by pandas": ",image_name,label\n0,1.png,a\n1,2.png,b\n",
    "the rows numbered, no header": "2,1.png,a\n1,2.png,b\n",
    "labels first, no header": "a,1.png\nb,2.png\n",
    "numbers that are other pictures' names": "id,img_name,label\n2,1.png,a\n1,2.png,b\n",
    "numbers as names that are other pictures'": "name,file,label\n2,1,a\n1,2,b\n",
    "names beside numbers": "id,name,label\n2,1.png,a\n1,2.png,b\n",
    "numbers alone": "id,label\n1,a\n2,b\n",
    "names of other files beside numbers": "id,file,label\n1,x.png,a\n2,y.png,b\n",
}
FILE_COLUMNS = ["image_name", "Image Name", "imageName", "img_name", "image_file", "file_path", "filepath", "img_path"]
FILE_COLUMNS += ["image_path", "image_id", "img", "fname", "photo", "Picture_Filename"]


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("folder", ["", "img/"])
def test_a_table_gives_the_labels(tmp_path, name, folder):
    called = "labels.json" if TABLES[name].startswith(("{", "[")) else "labels.csv"
    write(tmp_path, {f"{folder}1.png": b"", f"{folder}2.png": b"", called: TABLES[name]})
    assert labels_of(tmp_path) == {f"{folder}1.png": "a", f"{folder}2.png": "b"}


@pytest.mark.parametrize("column", FILE_COLUMNS)
def test_the_column_of_files_may_have_any_common_name(tmp_path, column):
    table = f"label,{column},split,writer\na,1,train,anna\nb,2,test,bert\n"
    write(tmp_path, {"1.png": b"", "2.png": b"", "t.csv": table})
    assert labels_of(tmp_path) == {"1.png": "a", "2.png": "b"}
    assert splits_of(tmp_path) == {"1.png": "train", "2.png": "test"}
    assert writers_of(tmp_path) == {"1.png": "anna", "2.png": "bert"}


def test_a_table_finds_names_of_another_normal_form(tmp_path):
    composed, decomposed = (unicodedata.normalize(form, "é1.png") for form in ("NFC", "NFD"))
    write(tmp_path, {decomposed: b"", "2.png": b"", "t.csv": f"file,label\n{composed},a\n2.png,b\n"})
    assert sorted(labels_of(tmp_path).values()) == ["a", "b"]


def test_a_table_that_names_the_classes_in_words_goes_before_numbers(tmp_path):
    write(tmp_path, {"1.png": b"", "2.png": b"", "t.csv": "file,label,character\n1.png,10,A\n2.png,11,B\n"})
    assert labels_of(tmp_path) == {"1.png": "A", "2.png": "B"}


def test_a_table_tells_split_and_writer(tmp_path):
    table = "file,label,split,writer\n1.png,a,train,anna\n2.png,a,val,bert\n3.png,a,Test,anna\n"
    write(tmp_path, {"1.png": b"", "2.png": b"", "3.png": b"", "t.csv": table})
    assert list(splits_of(tmp_path).values()) == ["train", "validation", "test"]
    assert list(writers_of(tmp_path).values()) == ["anna", "bert", "anna"]


def test_two_tables_are_the_splits_that_they_are_called(tmp_path):
    files = {"1.png": b"", "2.png": b"", "train.csv": "file,label\n1.png,a\n", "test.csv": "file,label\n2.png,b\n"}
    write(tmp_path, files)
    assert splits_of(tmp_path) == {"1.png": "train", "2.png": "test"}


def test_the_splits_of_fer_are_known(tmp_path):
    rows = ["1.png,a,Training", "2.png,a,PublicTest", "3.png,a,PrivateTest"]
    write(tmp_path, {f"{n}.png": b"" for n in (1, 2, 3)} | {"t.csv": "\n".join(["file,label,Usage", *rows])})
    assert list(splits_of(tmp_path).values()) == ["train", "validation", "test"]


@pytest.mark.parametrize("labels_from", [None, "{label}-*-{split}.png"])
def test_splits_that_are_not_known_are_noted(tmp_path, labels_from):
    splits = ["test", "val2", "train_aug", ""]
    names = [f"a-{number}-{split}.png" for number, split in enumerate(splits)]
    rows = [f"{name},a,{split}" for name, split in zip(names, splits, strict=True)]
    write(tmp_path, dict.fromkeys(names[: 4 if labels_from is None else 3], b""))
    if labels_from is None:
        write(tmp_path, {"t.csv": "\n".join(["file,label,split", *rows])})
    notes = Notes(tmp_path)
    find_pictures(tmp_path, labels_from, notes)
    (note,) = notes.lines()
    assert note.startswith(f"{tmp_path}/{labels_from or 't.csv'}: splits train_aug, val2 are not known, and taken for")
    assert note.endswith("known are train, val, test and the like")


@pytest.mark.parametrize("listed", [range(8, 16), range(16)])
def test_pictures_of_a_table_of_test_labels_are_tested_on(tmp_path, listed):
    rows = [f"{number}.png,{'ab'[number % 2]}" for number in range(16)]
    tables = {"test_labels.csv": rows[:8], "labels.csv": [rows[number] for number in listed]}
    write(tmp_path, {f"{number}.png": png(number) for number in range(16)})
    write(tmp_path, {name: "\n".join(["file,label", *found]) for name, found in tables.items()})
    train, test = (load(f"folder:{tmp_path}", part) for part in ("train", "test"))
    assert sorted(test.files) == [f"{number}.png" for number in range(8)]
    assert sorted(train.files) == sorted(f"{number}.png" for number in range(8, 16))


def test_pictures_in_a_folder_of_test_pictures_are_tested_on(tmp_path):
    files = [f"{split}/{split}{number}.png" for split in ("train", "test") for number in range(4)]
    table = "file,label\n" + "".join(f"{file},{'ab'[number % 2]}\n" for number, file in enumerate(files))
    write(tmp_path, dict.fromkeys(files, b"") | {"t.csv": table})
    assert splits_of(tmp_path) == {file: file.split("/")[0] for file in files}


def test_a_set_of_test_pictures_alone_is_not_trained_on(tmp_path):
    rows = [f"{number}.png,{'ab'[number % 2]},test" for number in range(8)]
    write(
        tmp_path,
        {f"{number}.png": png(number) for number in range(8)} | {"t.csv": "\n".join(["file,label,split", *rows])},
    )
    with (
        pytest.warns(UserWarning, match="2 times: a class with pictures only for test"),
        pytest.raises(GlyphfrontError),
    ):
        load(f"folder:{tmp_path}", "train")


def test_a_list_of_some_test_pictures_does_not_go_before_class_folders(tmp_path):
    files = [f"train/{c}/{n}.png" for c in "ab" for n in range(30)] + [f"test/{n}.png" for n in range(40)]
    rows = ["file,label", *(f"test/{n}.png,x" for n in range(10))]
    write(tmp_path, dict.fromkeys(files, b"") | {"sample.csv": "\n".join(rows)})
    assert set(labels_of(tmp_path).values()) == {"a", "b"}


@pytest.mark.parametrize("remark", ['"two\nlines"', '5" pen'])
def test_quotation_marks_and_line_breaks_in_remarks_are_no_fault(tmp_path, remark):
    rows = ["file,label,remark", f'"1.png",a,{remark}', '"2.png",b,']
    write(tmp_path, {"1.png": b"", "2.png": b"", "t.csv": "\n".join(rows)})
    assert labels_of(tmp_path) == {"1.png": "a", "2.png": "b"}


def test_a_table_that_knows_few_pictures_does_not_go_before_folders(tmp_path):
    write(tmp_path, {f"{c}/{n}.png": b"" for c in "ab" for n in range(4)} | {"best.csv": "file,label\na/1.png,x\n"})
    assert set(labels_of(tmp_path).values()) == {"a", "b"}


def test_pictures_and_rows_that_lack_each_other_are_noted(tmp_path):
    write(tmp_path, {"1.png": b"", "2.png": b"", "3.png": b"", "t.csv": "file,label\n1.png,a\n2.png,b\n4.png,c\n"})
    notes = Notes(tmp_path)
    find_pictures(tmp_path, None, notes)
    assert notes.lines() == [
        f"{tmp_path}/4.png: named in t.csv, but not there",
        f"{tmp_path}/3.png: has no row in the table of labels; left out",
    ]


@pytest.mark.parametrize("listed", [("train", "test"), ("train",)])
def test_a_picture_of_another_split_or_folder_does_not_stand_in_for_a_missing_one(tmp_path, listed):
    files = [
        f"{split}/{number}.png" for split in ("train", "test") for number in range(6) if (split, number) != ("train", 5)
    ]
    rows = [f"{split}/{number}.png,{'ab'[split == 'test']}" for split in listed for number in range(6)]
    write(tmp_path, dict.fromkeys(files, b"") | {"t.csv": "\n".join(["file,label", *rows])})
    notes = Notes(tmp_path)
    found = {str(p.file.relative): (p.label, p.split) for p in find_pictures(tmp_path, None, notes)}
    assert found == {
        file: ("b", "test") if file < "train" else ("a", "train" if len(listed) > 1 else None)
        for file in files
        if file.split("/")[0] in listed
    }
    assert f"{tmp_path}/train/5.png: named in t.csv, but not there" in notes.lines()


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_a_quotation_mark_may_be_a_label(tmp_path, ending):
    comma = "," if ending == "csv" else "\t"
    rows = ["file,label", "1.png,a", '2.png,"', "3.png,c", "4.png,d"]
    write(
        tmp_path,
        {f"{number}.png": b"" for number in range(1, 5)} | {f"t.{ending}": "\n".join(rows).replace(",", comma)},
    )
    assert labels_of(tmp_path) == {"1.png": "a", "2.png": '"', "3.png": "c", "4.png": "d"}


@pytest.mark.parametrize(
    ("rows", "labels"),
    [
        (["1.png,a", '2.png,","', "3.png,c"], ["a", ",", "c"]),
        (["1.png,a", '2.png," , "', "3.png,c"], ["a", ",", "c"]),
        (["1.png,a", '2.png,","', '3.png,""""'], ["a", ",", '"']),
        (['1.png,"a,b"', '2.png,","', '3.png,"c""d"'], ["a,b", ",", 'c"d']),
        (["1.png,a", "2.png,b", '3.png,"'], ["a", "b", '"']),
        (["1.png,a", '2.png,"', '3.png,"'], ["a", '"', '"']),
        (['1.png,"', "2.png", "3.png,c", "4.png,d"], ['"', "c", "d"]),
    ],
)
def test_commas_and_quotation_marks_are_labels_as_csv_writes_them(tmp_path, rows, labels):
    write(tmp_path, {f"{number}.png": b"" for number in range(1, 5)} | {"t.csv": "\n".join(["file,label", *rows])})
    assert [label for _, label in sorted(labels_of(tmp_path).items())] == labels


def test_a_comma_is_a_label_beside_remarks_of_two_lines(tmp_path):
    rows = ["file,label,remark", '1.png,",","two', 'lines"', "2.png,b,"]
    write(tmp_path, {"1.png": b"", "2.png": b"", "t.csv": "\n".join(rows)})
    assert labels_of(tmp_path) == {"1.png": ",", "2.png": "b"}


@pytest.mark.parametrize(("first", "named"), [(48, "0123456789"), (50, None), (60, "<=>?@ABCDEFG")])
def test_folders_that_count_from_another_number_are_no_codes_of_signs(tmp_path, first, named):
    count = 12 if first != 48 else 10
    write(tmp_path, {f"{first + k}/{n}.png": b"" for k in range(count) for n in range(2)})
    names = set(named or map(str, range(first, first + count)))
    assert set(labels_of(tmp_path).values()) == names


def test_a_folder_of_another_writer_does_not_stand_in_for_a_missing_picture(tmp_path):
    rows = ["file,label", *(f"anna/{number}.png,a" for number in range(4)), "anna/9.png,z"]
    write(tmp_path, {f"anna/{n}.png": b"" for n in range(4)} | {"bert/9.png": b"", "t.csv": "\n".join(rows)})
    assert labels_of(tmp_path) == {f"anna/{number}.png": "a" for number in range(4)}


def test_pictures_that_were_moved_out_of_the_folder_that_the_table_tells_are_found_by_name(tmp_path):
    rows = ["file,label", *(f"/data/scans/{number}.png,a" for number in range(4))]
    write(tmp_path, {f"sorted/{number}.png": b"" for number in range(4)} | {"t.csv": "\n".join(rows)})
    assert labels_of(tmp_path) == {f"sorted/{number}.png": "a" for number in range(4)}


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ("file,label\n1.png,a\n4.png,b\n5.png,b\n", "only 1 of the 3 files that it names are there"),
        (
            "width,file,grade\n60,1.png,a\n60,2.png,b\n",
            "none of its columns width, file, grade is called label, class, character or the like",
        ),
        (
            "width,where,label\n60,1,a\n60,2,b\n",
            "none of its columns width, where, label is called file, filename, image, path or the like",
        ),
    ],
)
def test_a_table_that_is_of_no_use_is_told_why(tmp_path, table, why):
    write(tmp_path, {"a/1.png": b"", "b/2.png": b"", "t.csv": table})
    notes = Notes(tmp_path)
    found = find_pictures(tmp_path, None, notes)
    assert [picture.label for picture in found] == ["a", "b"]
    assert notes.lines() == [f"{tmp_path}/t.csv: {why}; not used as labels"]


def test_a_table_that_gives_no_labels_to_loose_pictures_is_told_why_too(tmp_path):
    write(tmp_path, {"1.png": b"", "2.png": b"", "t.csv": "where,colour,label\nx,1,a\ny,2,b\n"})
    with (
        pytest.warns(UserWarning, match="t.csv: none of its columns where, colour, label is called file") as said,
        pytest.raises(GlyphfrontError, match="nothing says what the pictures show"),
    ):
        load(f"folder:{tmp_path}", "train")
    assert len(said) == 1


@pytest.mark.parametrize(
    "table",
    ["id,label,writer\n0,A,anna\n1,B,bert\n2,C,anna\n", "file,label\n00,A\n01,B\n02,C\n", "0,A\n1,B\n2,C\n"],
)
def test_a_number_names_the_picture_that_has_other_zeros_before_it(tmp_path, table):
    write(tmp_path, {f"{number:03}.png": b"" for number in range(3)} | {"labels.csv": table})
    assert labels_of(tmp_path) == {"000.png": "A", "001.png": "B", "002.png": "C"}


@pytest.mark.parametrize(
    ("files", "table", "why"),
    [
        (["000", "001", "002"], "id,label\n1,A\n2,B\n3,C\n", "its numbers are not those of the pictures, such as 3"),
        (["000", "001", "002"], "0,000\n1,001\n1,002\n", "its numbers are not those of the pictures"),
        (["x1", "x2"], "id,label\n1,A\n2,B\n", "only 0 of the 2 files that it names are there, not 1, 2"),
        (["01", "001"], "id,label\n1,A\n", "only 0 of the 1 files that it names are there, not 1"),
        (
            ["x1", "x2"],
            "writer,when,colour\n1,A,B\n2,B,B\n",
            "none of its columns is called file, filename, image, path, nor label, class, character",
        ),
        (["x1", "x2"], "A\nB\n", "holds no table of files and their labels"),
    ],
)
@pytest.mark.parametrize("folder", ["", "img/"])
def test_a_table_that_does_not_fit_is_named_where_nothing_else_tells_the_labels(tmp_path, files, table, why, folder):
    write(tmp_path, {f"{folder}{name}.png": png(n) for n, name in enumerate(files)} | {"labels.csv": table})
    with (
        pytest.warns(UserWarning, match=f"labels.csv: {why}; not used as labels") as said,
        pytest.raises(GlyphfrontError),
    ):
        load(f"folder:{tmp_path}", "train")
    assert [str(note.message) for note in said] == [f"{tmp_path}/labels.csv: {why}; not used as labels"]


def test_json_that_is_no_table_is_named_where_nothing_else_tells_the_labels(tmp_path):
    write(tmp_path, {"1.png": b"", "labels.json": '{"a": [1], "b": [2]}'})
    with (
        pytest.warns(UserWarning, match="labels.json: holds no table of files and their labels; not used as labels"),
        pytest.raises(GlyphfrontError, match="nothing says"),
    ):
        load(f"folder:{tmp_path}", "train")


@pytest.mark.parametrize(
    "content",
    [
        {"annotations": [{"image": "img/1.png", "char": "a"}, {"image": "img/2.png", "char": "b"}]},
        {"version": 2, "by": {"name": "x"}, "items": [{"file": "1.png", "label": "a"}, {"file": "2", "label": "b"}]},
        {"labels": {"1.png": "a", "2.png": "b"}},
    ],
)
def test_a_table_may_be_the_only_list_in_an_object(tmp_path, content):
    write(tmp_path, {"img/1.png": b"", "img/2.png": b"", "labels.json": json.dumps(content)})
    assert labels_of(tmp_path) == {"img/1.png": "a", "img/2.png": "b"}


def test_a_table_beside_class_folders_does_not_name_classes_after_files(tmp_path):
    files = [f"{c}/{c}{n}.png" for c in "ab" for n in range(3)]
    table = "file,label\n" + "".join(f"{file},{file[0]}\n" for file in files)
    write(tmp_path, dict.fromkeys(files, b"") | {"labels.csv": table})
    assert labels_of(tmp_path) == {file: file[0] for file in files}


def test_a_row_without_a_label_is_noted_once(tmp_path):
    write(tmp_path, {"1.png": b"", "2.png": b"", "t.csv": "file,label\n1.png,a\n2.png,\n"})
    notes = Notes(tmp_path)
    find_pictures(tmp_path, None, notes)
    assert notes.lines() == [f"{tmp_path}/2.png: has no label in t.csv; left out"]


# --- names for numbered folders ----------------------------------------------------------------------------------

MAPPINGS = {
    "mapping.txt": "0 65\n1 98\n",  # as EMNIST's, code points
    "classes.txt": "A\nb\n",
    "classes.csv": "0,A\n1,b\n",
    "labels.txt": "0: A\n1: b\n",
    "class names.txt": "0 A\n1 b\n",
    "labels.json": json.dumps({"0": "A", "1": "b"}),
    "names.json": json.dumps(["A", "b"]),
    "index.json": json.dumps({"classes": {"A": 0, "b": 1}}),
}


@pytest.mark.parametrize("name", MAPPINGS)
def test_a_mapping_file_names_numbered_folders(tmp_path, name):
    write(tmp_path, {"0/1.png": b"", "1/2.png": b"", name: MAPPINGS[name]})
    assert labels_of(tmp_path) == {"0/1.png": "A", "1/2.png": "b"}


LISTS = {
    "classes.txt": "B\nA\nC\n",
    "class_to_idx.json": json.dumps({"A": 0, "B": 1, "C": 2}),
    "idx_to_class.json": json.dumps({"0": "A", "1": "B", "2": "C"}),
    "classes.json": json.dumps(["A", "B", "C"]),
    "classes.csv": "class,index\nA,0\nB,1\nC,2\n",
    "mapping.txt": "A 65\nB 66\nC 67\n",
}


@pytest.mark.parametrize("name", LISTS)
def test_folders_with_names_are_not_renamed_to_their_places_in_a_list(tmp_path, name):
    write(tmp_path, {f"{c}/{c}1.png": b"" for c in "ABC"} | {name: LISTS[name]})
    notes = Notes(tmp_path)
    assert [picture.label for picture in find_pictures(tmp_path, None, notes)] == ["A", "B", "C"]
    assert notes.lines() == []


@pytest.mark.parametrize(
    ("name", "content", "folders"),
    [
        ("class_to_idx.json", json.dumps({"0": 0, "1": 1, "2": 2, "7": 3, "8": 4}), "01278"),
        ("class_to_idx.json", json.dumps({"1": 0, "10": 1, "2": 2}), ["1", "10", "2"]),
        ("idx_to_class.json", json.dumps({"0": "0", "1": "1", "2": "2", "3": "7", "4": "8"}), "01278"),
        ("classes.txt", "0\n1\n2\n7\n8\n", "01278"),
    ],
)
def test_folders_that_are_numbers_are_not_renamed_to_their_places_in_a_list(tmp_path, name, content, folders):
    write(tmp_path, {f"{c}/p{c}.png": b"" for c in folders} | {name: content})
    notes = Notes(tmp_path)
    assert {picture.label for picture in find_pictures(tmp_path, None, notes)} == set(folders)
    counted = f"{tmp_path}/{name}: only counts the classes; they keep their names"
    assert notes.lines() == [counted]


def test_a_list_that_holds_the_folders_as_they_are_needs_no_note(tmp_path):
    write(tmp_path, {f"{c}/p{c}.png": b"" for c in "123"} | {"classes.txt": "0\n1\n2\n3\n4\n"})
    notes = Notes(tmp_path)
    assert [picture.label for picture in find_pictures(tmp_path, None, notes)] == ["1", "2", "3"]
    assert notes.lines() == []


def test_numbers_of_folders_may_stand_for_other_digits(tmp_path):
    names = {"0": "0", "1": "1", "2": "2", "3": "7", "4": "8"}
    write(tmp_path, {f"{c}/p{c}.png": b"" for c in names} | {"names.json": json.dumps(names)})
    assert labels_of(tmp_path) == {f"{c}/p{c}.png": name for c, name in names.items()}


def test_a_list_of_names_goes_on_where_another_file_only_counts(tmp_path):
    files = {"0/1.png": b"", "1/2.png": b"", "class_to_idx.json": '{"0": 0, "1": 1}', "classes.txt": "A\nb\n"}
    write(tmp_path, files)
    assert labels_of(tmp_path) == {"0/1.png": "A", "1/2.png": "b"}


@pytest.mark.parametrize("folders", ["123", ["01", "02", "03"]])
def test_a_list_that_may_begin_with_0_or_with_1_names_nothing(tmp_path, folders):
    write(tmp_path, {f"{n}/p{n}.png": b"" for n in folders} | {"classes.txt": "A\nB\nC\nD\n"})
    notes = Notes(tmp_path)
    assert [picture.label for picture in find_pictures(tmp_path, None, notes)] == list(folders)
    why = "its first name may be for 0 or for 1; not used as names; write its number before each name"
    assert notes.lines() == [f"{tmp_path}/classes.txt: {why}"]


@pytest.mark.parametrize(("labels", "read"), [(("3.0", "7.0", ""), ("3", "7")), (("3.0", "7.5", ""), ("3.0", "7.5"))])
def test_whole_numbers_lose_the_decimals_that_pandas_gives_them_beside_a_missing_label(tmp_path, labels, read):
    table = "file,label\n" + "".join(f"{i}.png,{label}\n" for i, label in enumerate(labels))
    write(tmp_path, {"0.png": b"", "1.png": b"", "2.png": b"", "labels.csv": table})
    found = labels_of(tmp_path)
    assert (found["0.png"], found["1.png"]) == read


@pytest.mark.parametrize(("name", "content"), [("classes.txt", "A\nb\n"), ("classes.csv", "0,A\n1,b\n")])
def test_names_are_for_the_numbers_in_a_table_too(tmp_path, name, content):
    write(tmp_path, {"0.png": b"", "1.png": b"", "t.csv": "file,label\n0.png,1\n1.png,0\n", name: content})
    notes = Notes(tmp_path)
    found = {picture.file.name: picture.label for picture in find_pictures(tmp_path, None, notes)}
    assert found == {"0.png": "b", "1.png": "A"}
    assert notes.lines() == [f"{tmp_path}/{name}: the classes are called as it says: 0 → A, 1 → b"]


@pytest.mark.parametrize("name", ["{}.png", "{:04}.png"])
def test_a_table_of_names_is_none_of_pictures_that_are_called_by_numbers(tmp_path, name):
    table = "id,label\n" + "".join(f"{n},{n % 3}\n" for n in range(12))
    write(tmp_path, {name.format(n): b"" for n in range(12)})
    write(tmp_path, {"train.csv": table, "classes.csv": "id,label\n0,A\n1,B\n2,C\n"})
    assert labels_of(tmp_path) == {name.format(n): "ABC"[n % 3] for n in range(12)}


def test_a_label_for_each_image_is_no_list_of_names(tmp_path):
    write(tmp_path, {f"{n}/p{n}.png": b"" for n in range(3)} | {"labels.txt": "2\n0\n1\n1\n"})
    assert labels_of(tmp_path) == {f"{n}/p{n}.png": str(n) for n in range(3)}


@pytest.mark.parametrize(
    ("file", "names", "classes", "why"),
    [
        ("classes.txt", "A\nB\nC\n", ("A", "B", "C"), "the classes are called as it says: 1 → A, 2 → B, 3 → C"),
        ("classes.txt", "A\nB\nC\nD\n", ("1", "2", "3"), "its first name may be for 0 or for 1; not used as names"),
        ("class_counts.txt", "class,count\n1,65\n2,66\n3,67\n", ("1", "2", "3"), None),
        ("labels.txt", "1,65\n2,66\n3,67\n", ("1", "2", "3"), "gives numbers alone"),
    ],
)
def test_names_are_for_the_numbers_of_arrays_too(tmp_path, file, names, classes, why):
    drawn = draw(4, seed=0)
    np.savez(tmp_path / "own.npz", x_train=drawn.images[:60], y_train=np.arange(60) % 3 + 1)
    write(tmp_path, {file: names})
    dataset, notes = noting(lambda: load_all(f"folder:{tmp_path}?upright"))
    assert dataset.classes == classes
    assert [note.partition(f"{file}: ")[2][: len(why or "")] for note in notes if file in note] == (
        [why] if why else []
    )


def test_names_may_hold_spaces(tmp_path):
    write(tmp_path, {"0/1.png": b"", "1/2.png": b"", "names.txt": "0 small a\n1 small b\n"})
    assert labels_of(tmp_path) == {"0/1.png": "small a", "1/2.png": "small b"}


def test_a_list_of_names_may_be_for_folders_counted_from_1(tmp_path):
    write(tmp_path, {"1/1.png": b"", "2/2.png": b"", "classes.txt": "A\nb\n"})
    assert labels_of(tmp_path) == {"1/1.png": "A", "2/2.png": "b"}


def test_a_list_whose_first_line_is_no_class_begins_with_0(tmp_path):
    write(tmp_path, {"1/1.png": b"", "2/2.png": b"", "classes.txt": "N/A\na\nb\n"})
    assert labels_of(tmp_path) == {"1/1.png": "a", "2/2.png": "b"}


@pytest.mark.parametrize("names", ["A\nb\n", "0 A\n1 b\n"])
def test_names_too_few_are_noted(tmp_path, names):
    write(tmp_path, {f"{n}/a{n}.png": b"" for n in range(3)} | {"classes.txt": names})
    notes = Notes(tmp_path)
    assert [picture.label for picture in find_pictures(tmp_path, None, notes)] == ["0", "1", "2"]
    assert notes.lines() == [f"{tmp_path}/classes.txt: names 2 of the 3 classes; not used as names"]


def test_numbered_folders_without_a_mapping_are_called_by_their_numbers_in_order(tmp_path):
    write(tmp_path, {f"{n}/{k}.png": png(10 * n + k) for n in range(12) for k in range(2)})
    assert load_all(f"folder:{tmp_path}").classes == tuple(map(str, range(12)))


TEN = "0123456789"
COUNTS = [120, 118, 97, 101, 110, 99, 105, 104, 115, 112]
NOT_PICTURES = "not a picture; left out"
WOULD_FIT = "would fit as names of the classes; if it is that, call it classes.txt"
NUMBERS = "gives numbers alone; if they are code points, call it mapping.txt; not used as names"
STRAY = {
    "counts.csv": ("class,count\n" + "".join(f"{c},{n}\n" for c, n in zip(TEN, COUNTS, strict=True)), NOT_PICTURES),
    "classes.csv": ("class,count\n" + "".join(f"{c},{n}\n" for c, n in zip(TEN, COUNTS, strict=True)), NOT_PICTURES),
    "labels.csv": ("class,n\n" + "".join(f"{c},{n}\n" for c, n in zip(TEN, COUNTS, strict=True)), NUMBERS),
    "counts.json": (json.dumps({c: int(c) + 40 for c in TEN}), NOT_PICTURES),
    "info.json": (json.dumps({"counts": dict(zip(TEN, COUNTS, strict=True))}), NOT_PICTURES),
    "train.txt": ("".join(f"{c}/{n}.png\n" for c in TEN for n in range(2)), NOT_PICTURES),
    "class names.txt": ("".join(f"{c}/{n}.png\n" for c in TEN for n in range(2)), None),
    "writers.txt": ("anna bert carl dora emil fritz gina hans ida jan".replace(" ", "\n"), NOT_PICTURES),
    "writer_names.txt": ("anna bert carl dora emil fritz gina hans ida jan".replace(" ", "\n"), NOT_PICTURES),
    "README.txt": ("Digits of ten people collected in spring by our school thanks".replace(" ", "\n"), NOT_PICTURES),
    "anyone.txt": ("anna bert carl dora emil fritz gina hans ida jan".replace(" ", "\n"), WOULD_FIT),
    "per_class_accuracy.csv": ("class,accuracy\n" + "".join(f"{c},0.9{c}\n" for c in TEN), NOT_PICTURES),
    "classes.txt": ("".join(f"{c} 0.9{c}\n" for c in TEN), "gives no names but measures; not used as names"),
    "labels.txt": ("5\n3\n3\n", None),
}


@pytest.mark.parametrize("name", STRAY)
@pytest.mark.parametrize("folders", [TEN, "123456789"])
def test_a_file_that_is_no_list_of_names_renames_no_folder(tmp_path, name, folders):
    content, note = STRAY[name]
    write(tmp_path, {f"{c}/p{c}.png": b"" for c in folders} | {name: content})
    notes = Notes(tmp_path)
    assert [picture.label for picture in find_pictures(tmp_path, None, notes)] == list(folders)
    assert note is None or folders != TEN or notes.lines() == [f"{tmp_path}/{name}: {note}"]


@pytest.mark.parametrize(
    ("name", "content", "note"),
    [
        ("notes.txt", "A: blurred\nB: fine\nC: from anna\n", NOT_PICTURES),
        ("accuracy.csv", "class,accuracy\nA,0.95\nB,0.97\nC,0.91\n", NOT_PICTURES),
        ("names.csv", "A,anna\nB,bert\nC,carl\n", "would rename classes that have names; they keep them"),
    ],
)
def test_folders_with_names_keep_them_whatever_a_file_says(tmp_path, name, content, note):
    write(tmp_path, {f"{c}/p{c}.png": b"" for c in "ABC"} | {name: content})
    notes = Notes(tmp_path)
    assert [picture.label for picture in find_pictures(tmp_path, None, notes)] == ["A", "B", "C"]
    assert notes.lines() == [f"{tmp_path}/{name}: {note}"]


def test_a_list_of_tasks_names_no_numbers_of_a_table(tmp_path):
    table = "file,label\n" + "".join(f"p{n}.png,{n % 3}\n" for n in range(9))
    files = {f"p{n}.png": b"" for n in range(9)} | {"labels.csv": table, "todo.txt": "scan\ncrop\nrename\nupload\n"}
    write(tmp_path, files)
    assert set(labels_of(tmp_path).values()) == {"0", "1", "2"}


@pytest.mark.parametrize(
    "folders", [["class_0", "class_1"], ["n01440764", "n01443537"], ["U+3042", "U+304A"], ["3042", "304a"]]
)
def test_a_mapping_file_names_folders_that_are_numbers_behind_a_word(tmp_path, folders):
    write(tmp_path, {f"{folder}/{folder}.png": b"" for folder in folders})
    write(tmp_path, {"label_map.txt": f"{folders[0]} あ\n{folders[1]} お\n"})
    notes = Notes(tmp_path)
    assert [picture.label for picture in find_pictures(tmp_path, None, notes)] == ["あ", "お"]
    told = f"the classes are called as it says: {folders[0]} → あ, {folders[1]} → お"
    assert notes.lines() == [f"{tmp_path}/label_map.txt: {told}"]


@pytest.mark.parametrize("name", ["mapping.txt", "labelmap.csv", "code_points.txt"])
def test_numbers_are_code_points_where_the_file_is_called_so(tmp_path, name):
    write(tmp_path, {"0/1.png": b"", "1/2.png": b"", name: "0 65\n1 98\n"})
    assert labels_of(tmp_path) == {"0/1.png": "A", "1/2.png": "b"}


@pytest.mark.parametrize(
    "name", ["cat_to_name.json", "synset_words.txt", "charlist.txt", "className.csv", "idx2char.txt"]
)
def test_names_of_files_that_name_classes(tmp_path, name):
    content = json.dumps({"0": "A", "1": "b"}) if name.endswith("json") else "0,A\n1,b\n"
    write(tmp_path, {"0/1.png": b"", "1/2.png": b"", name: content})
    assert labels_of(tmp_path) == {"0/1.png": "A", "1/2.png": "b"}


def test_signs_in_quotation_marks_are_names(tmp_path):
    signs = {"0": ",", "1": '"', "2": ";", "3": "A"}
    rows = ['0,","', '1,""""', '2,";"', '3,"A"']
    write(tmp_path, {f"{n}/p{n}.png": b"" for n in signs} | {"classes.csv": "\n".join(rows)})
    assert labels_of(tmp_path) == {f"{n}/p{n}.png": sign for n, sign in signs.items()}


def test_the_head_of_a_column_may_say_that_numbers_are_code_points(tmp_path):
    write(tmp_path, {"0/1.png": b"", "1/2.png": b"", "labels.csv": "label,codepoint\n0,65\n1,98\n"})
    assert labels_of(tmp_path) == {"0/1.png": "A", "1/2.png": "b"}


def test_a_mapping_that_lacks_a_folder_is_none(tmp_path):
    write(tmp_path, {"m.csv": "0,A\n"})
    file = File(tmp_path / "m.csv", None, PurePosixPath("m.csv"), 4, 0)
    assert read_mapping(file, {"0", "1"}) is None


# --- patterns ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "name", "label"),
    [
        ("img_{label}_*.png", "img_A_003.png", "A"),
        ("{label}-*.png", "+-1.png", "+"),
        ("*_{label}.png", "scan_2_ß.png", "ß"),
        ("{writer}_{label}_??.png", "anna_B_01.png", "B"),
        ("page*/{label}.png", "page3/x.png", "x"),
        ("img_{label}_*.png", "IMG_a_003.PNG", "a"),
    ],
)
def test_a_pattern_tells_the_label(tmp_path, pattern, name, label):
    write(tmp_path, {name: b"", "other.jpg": b""})
    assert labels_of(tmp_path, pattern) == {name: label}


@pytest.mark.parametrize(
    ("pattern", "why"),
    [("*.png", "says no label"), ("{label}{what}", "{what} means nothing"), ("{label}{label}", "twice")],
)
def test_a_pattern_that_cannot_work_is_refused(pattern, why):
    with pytest.raises(GlyphfrontError, match=why):
        pattern_of(pattern)


def test_a_pattern_that_fits_no_name_shows_some(tmp_path):
    write(tmp_path, {"x1.png": b""})
    with pytest.raises(GlyphfrontError, match=r"no name fits img_\{label\}.png; there are x1.png"):
        labels_of(tmp_path, "img_{label}.png")


def test_an_option_that_means_nothing_is_refused(tmp_path):
    with pytest.raises(GlyphfrontError, match=r"write \?upright, \?transposed or \?labels=PATTERN"):
        load(f"folder:{tmp_path / 'x'}?colour=red", "train")


def test_a_pattern_stands_behind_the_name_of_a_folder(tmp_path):
    write(tmp_path, {f"img_{c}_{k}.png": png(10 * ord(c) + k) for c in "ab" for k in range(3)})
    assert load_all(f"folder:{tmp_path}?labels=img_{{label}}_*.png").classes == ("a", "b")


def test_a_pattern_goes_with_any_name_of_a_folder(tmp_path):
    write(tmp_path / "a?b", {f"img_{c}_{k}.png": png(10 * ord(c) + k) for c in "ab" for k in range(3)})
    assert load_all(f"folder:{tmp_path / 'a?b'}?labels=img_{{label}}_?.png").classes == ("a", "b")


def test_a_folder_without_a_name_is_asked_for():
    with pytest.raises(GlyphfrontError, match="names no folder; write folder:PATH"):
        load_all("folder:")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a": [' * 50_000, '{"1.png": ', "[1, 2]", '[{"file": "1.png"}]'])
def test_json_that_is_no_table_is_left_out(tmp_path, text):
    write(tmp_path, {"a/1.png": b"", "b/2.png": b"", "x.json": text})
    assert labels_of(tmp_path) == {"a/1.png": "a", "b/2.png": "b"}


def test_a_label_of_null_is_none(tmp_path):
    write(
        tmp_path,
        {"1.png": b"", "2.png": b"", "x.json": '[{"file": "1.png", "label": "a"}, {"file": "2.png", "label": null}]'},
    )
    assert labels_of(tmp_path) == {"1.png": "a"}
