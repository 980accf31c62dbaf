//! Interface `objects`: sources and sinks.

use wasmtime::component::Resource;

use super::imported::objects::{Host, HostReader, HostWriter, ObjectInfo, Receipt};
use super::{Answer, answer};
use crate::capabilities::Objects;
use crate::sandbox::guest::{Guest, acting, within};
use jobhost_objects::{ObjectReader, ObjectWriter};

impl Host for Guest {
    async fn open(&mut self, source: u32, offset: u64) -> Answer<Resource<ObjectReader>> {
        let limit = self.host_call();
        let opened = match self.may_act() {
            Ok(may) => within(limit, "objects.open", may.objects.open(source, offset)).await?,
            Err(error) => Err(error),
        };
        match opened {
            Ok(reader) => Ok(Ok(self.table.push(reader)?)),
            Err(error) => answer(Err(error)),
        }
    }

    async fn create(&mut self, sink: u32) -> Answer<Resource<ObjectWriter>> {
        let limit = self.host_call();
        let created = match self.may_act() {
            Ok(may) => within(limit, "objects.create", may.objects.create(sink)).await?,
            Err(error) => Err(error),
        };
        match created {
            Ok(writer) => Ok(Ok(self.table.push(writer)?)),
            Err(error) => answer(Err(error)),
        }
    }
}

impl HostReader for Guest {
    async fn info(&mut self, reader: Resource<ObjectReader>) -> wasmtime::Result<ObjectInfo> {
        let info = Objects::info(self.table.get(&reader)?);
        Ok(ObjectInfo { size: info.size, etag: info.etag.clone(), media_type: info.media_type.clone() })
    }

    async fn read(&mut self, reader: Resource<ObjectReader>, max: u32) -> Answer<Vec<u8>> {
        let limit = self.host_call();
        let reader = self.table.get_mut(&reader)?;
        answer(match acting(&mut self.capabilities) {
            Ok(may) => {
                let read = within(limit, "reader.read", may.objects.read(reader, max)).await?;
                read.inspect(|bytes| may.usage.given(bytes.len()))
            }
            Err(error) => Err(error),
        })
    }

    async fn drop(&mut self, reader: Resource<ObjectReader>) -> wasmtime::Result<()> {
        self.table.delete(reader)?;
        if let Some(may) = self.capabilities.as_mut() {
            may.objects.reader_closed();
        }
        Ok(())
    }
}

impl HostWriter for Guest {
    async fn write(&mut self, writer: Resource<ObjectWriter>, bytes: Vec<u8>) -> Answer<()> {
        let limit = self.host_call();
        let writer = self.table.get_mut(&writer)?;
        answer(match acting(&mut self.capabilities) {
            Ok(may) => {
                may.usage.taken(bytes.len());
                within(limit, "writer.write", may.objects.write(writer, bytes)).await?
            }
            Err(error) => Err(error),
        })
    }

    async fn finish(&mut self, writer: Resource<ObjectWriter>) -> Answer<Receipt> {
        let limit = self.host_call();
        let writer = self.table.get_mut(&writer)?;
        let finished = match acting(&mut self.capabilities) {
            Ok(may) => within(limit, "writer.finish", may.objects.finish(writer)).await?,
            Err(error) => Err(error),
        };
        answer(finished.map(|receipt| Receipt {
            size: receipt.size,
            etag: receipt.etag,
            checksum_crc32: receipt.checksum_crc32,
            location: receipt.location,
        }))
    }

    async fn drop(&mut self, writer: Resource<ObjectWriter>) -> wasmtime::Result<()> {
        self.table.delete(writer)?;
        if let Some(may) = self.capabilities.as_mut() {
            may.objects.writer_closed();
        }
        Ok(())
    }
}
