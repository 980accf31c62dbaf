// Every method of the package harperive that makes sense for one host. Arguments: URL, and the URL of a CSV file. The
// client is used as it is; the last line says that all went well.
const assert = require('node:assert');
const harperive = require('harperive');

const [harperHost, csvUrl] = process.argv.slice(2);
const login = { harperHost, username: 'HDB_ADMIN', password: 'password' };
const db = new harperive.Client({ ...login, schema: 'dev' });
const s3 = { awsAccessKeyId: 'AKIAIOSFODNN7EXAMPLE', awsSecretAccessKey: 'not-a-secret', bucket: 'bkt', key: 'dogs.csv' };

// Polls as the documentation has it: a status is IN_PROGRESS, COMPLETE or ERROR.
async function ended(started) {
	const jobId = started.data.message.split('Starting job with id ')[1];
	for (let tries = 0; tries < 2400; tries++) {
		const [row] = (await db.getJobDetails({ jobId })).data;
		if (row.status !== 'IN_PROGRESS') {
			assert.equal(row.status, 'COMPLETE', JSON.stringify(row));
			return row.message;
		}
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
	throw new Error(`job ${jobId} does not end`);
}

async function main() {
	await db.createSchema({ schema: 'dev' });
	await db.createTable({ table: 'dog', hashAttribute: 'id' });
	assert.equal((await db.describeSchema({})).data.dog.hash_attribute, 'id');
	const records = [{ id: 1, name: 'Penny' }, { id: 2, name: 'Kato' }];
	assert.deepEqual((await db.insert({ table: 'dog', records })).data.inserted_hashes, [1, 2]);
	assert.deepEqual((await db.update({ table: 'dog', records: [{ id: 1, age: 7 }] })).data.update_hashes, [1]);
	assert.deepEqual((await db.upsert({ table: 'dog', records: [{ id: 3, age: 1 }] })).data.upserted_hashes, [3]);
	const found = await db.searchByHash({ table: 'dog', hashValues: [1], attributes: ['name', 'age'] });
	assert.deepEqual(found.data, [{ name: 'Penny', age: 7 }]);
	const byValue = { table: 'dog', searchAttribute: 'name', searchValue: 'K*', attributes: ['id'] };
	assert.deepEqual((await db.searchByValue(byValue)).data, [{ id: 2 }]);
	assert.equal((await db.query("UPDATE dev.dog SET name = 'rex' WHERE id = 3")).data.message, 'updated 1 of 1 records');
	assert.deepEqual((await db.query('SELECT name FROM dev.dog WHERE id = 3')).data, [{ name: 'rex' }]);
	assert.deepEqual((await db.delete({ table: 'dog', hashValues: [2, 9] })).data.skipped_hashes, [9]);
	assert.equal((await db.describeTable({ table: 'dog' })).data.record_count, 2);
	assert.ok((await db.describeAll()).data.dev);
	await db.dropAttribute({ table: 'dog', attribute: 'age' });
	assert.equal((await db.executeOperation({ operation: 'describe_all' })).statusCode, 200);

	const data = 'id,name\n10,a\n11,b\n';
	assert.equal(await ended(await db.csvDataLoad({ table: 'dog', data })), 'successfully loaded 2 of 2 records');
	assert.match(await ended(await db.csvUrlLoad({ table: 'dog', url: csvUrl })), /^successfully loaded/);
	const everything = { operation: 'sql', sql: 'SELECT id, name FROM dev.dog' };
	// It knows nothing of regions, which Harper requires as well.
	const options = { action: 'upsert', schema: 'dev', table: 'dog' };
	await assert.rejects(db.exportToS3(everything, s3, 'csv'), { statusCode: 400, error: /region is missing/ });
	await assert.rejects(db.importFromS3(options, s3), { statusCode: 400, error: /region is missing/ });
	assert.equal((await db.getJobsByDate({ from: '2020-01-01', until: '2200-01-01' })).data.length, 2);
	await ended(await db.deleteFilesBefore({ schema: 'dev', table: 'dog', date: '2020-01-01' }));

	const role = (await db.addRole({ roleName: 'developer', permission: { super_user: false } })).data.id;
	await db.alterRole({ roleId: role, roleName: 'developer', permission: { super_user: false } });
	assert.ok(JSON.stringify((await db.listRoles()).data).includes(role));
	await db.addUser({ role, username: 'ann', password: 'secret', active: true });
	await db.alterUser({ role, username: 'ann', password: 'other', active: true });
	assert.ok(JSON.stringify((await db.listUsers()).data).includes('ann'));
	assert.equal((await db.userInfo()).data.username, 'HDB_ADMIN');
	assert.equal((await db.authorize()).statusCode, 200);
	await db.dropUser({ username: 'ann' });
	await db.dropRole({ roleId: role });

	const tokens = (await db.createAuthenticationTokens({ username: 'HDB_ADMIN', password: 'password' })).data;
	const token = new harperive.Client({ harperHost, token: tokens.operation_token });
	assert.equal((await token.userInfo()).data.username, 'HDB_ADMIN');
	const refreshed = await token.refreshOperationToken({ token: tokens.refresh_token });
	assert.ok(refreshed.data.operation_token);

	await db.dropTable({ table: 'dog' });
	await db.dropSchema({ schema: 'dev' });
	await assert.rejects(db.describeSchema({ schema: 'dev' }), { status: 'FAILED', statusCode: 404 });
	console.log('every method did what it says');
}

main().catch((error) => {
	console.error(error);
	process.exit(1);
});
