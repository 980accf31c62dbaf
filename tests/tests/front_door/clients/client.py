"""Every method of the package harperdb that makes sense for one host. Arguments: URL, a folder for files, one for exports,
and the URL of a CSV file. The client is used as it is; the last line says that all went well."""

import json
import sys
import time

import harperdb

url, files, exports, csv_url = sys.argv[1:]
db = harperdb.HarperDB(url=url, username="HDB_ADMIN", password="password")


def ended(started):
    """Polls as the documentation has it: a status is IN_PROGRESS, COMPLETE or ERROR."""
    job = started["message"].split("Starting job with id ")[1]
    for _ in range(2400):
        [row] = db.get_job(job)
        if row["status"] != "IN_PROGRESS":
            assert row["status"] == "COMPLETE", row
            return row["message"]
        time.sleep(0.05)
    raise AssertionError(f"job {job} does not end")


db.create_schema("dev")
db.create_table("dev", "dog", "id")
assert db.describe_schema("dev")["dog"]["hash_attribute"] == "id"
assert db.insert("dev", "dog", [{"id": 1, "name": "Penny"}, {"id": 2, "name": "Kato"}])["inserted_hashes"] == [1, 2]
assert db.update("dev", "dog", [{"id": 1, "age": 7}])["update_hashes"] == [1]
assert db.search_by_hash("dev", "dog", [1], get_attributes=["name", "age"]) == [{"name": "Penny", "age": 7}]
assert [row["id"] for row in db.search_by_value("dev", "dog", "name", "K*")] == [2]
assert db.sql("INSERT INTO dev.dog (id, name) VALUES (3, 'rex')")["inserted_hashes"] == [3]
assert db.sql("SELECT name FROM dev.dog WHERE id = 3") == [{"name": "rex"}]
assert db.sql("UPDATE dev.dog SET age = 1 WHERE name = 'rex'")["message"] == "updated 1 of 1 records"
assert db.sql("DELETE FROM dev.dog WHERE id = 3")["deleted_hashes"] == [3]
assert db.delete("dev", "dog", [2, 9])["skipped_hashes"] == [9]
assert db.describe_table("dev", "dog")["record_count"] == 1
assert "dev" in db.describe_all()
db.drop_attribute("dev", "dog", "age")

with open(f"{files}/dogs.csv", "w") as file:
    file.write("id,name\n10,a\n11,b\n")
assert ended(db.csv_data_load("dev", "dog", f"{files}/dogs.csv")) == "successfully loaded 2 of 2 records"
assert ended(db.csv_file_load("dev", "dog", f"{files}/dogs.csv", action="update")) == "successfully loaded 2 of 2 records"
assert ended(db.csv_url_load("dev", "dog", csv_url)).startswith("successfully loaded")
ended(db.export_local(exports, sql="SELECT * FROM dev.dog"))
# It knows nothing of regions, which Harper requires as well.
try:
    db.export_to_s3("AKIAIOSFODNN7EXAMPLE", "not-a-secret", "bkt", "dogs.json", sql="SELECT * FROM dev.dog")
    raise AssertionError("an export without a region begins")
except harperdb.HarperDBError as error:
    assert "region is missing" in str(error), error
assert len(db.search_jobs_by_start_date("2020-01-01", "2200-01-01")) == 4
ended(db.delete_files_before("dev", "dog", "2020-01-01"))

role = db.add_role("developer", {"super_user": False, "dev": {"tables": {}}})["id"]
db.alter_role(role, {"super_user": False})
assert role in json.dumps(db.list_roles())
db.add_user(role, "ann", "secret")
db.alter_user(role, "ann", "other", active=True)
assert "ann" in json.dumps(db.list_users())
assert db.user_info("ann")["username"] == "HDB_ADMIN"
db.drop_user("ann")
db.drop_role(role)

db.drop_table("dev", "dog")
db.drop_schema("dev")
try:
    db.describe_schema("dev")
    raise AssertionError("a schema that was dropped is described")
except harperdb.HarperDBError as error:
    assert "dev" in str(error), error
print("every method did what it says")
